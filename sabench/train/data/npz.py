"""Arrays in an .npz file, never unpickled.

`x_train, y_train, x_test, y_test`, or `train_images, train_labels, test_images, test_labels`; or
`images, labels`, which are split here. Images are (N, H, W), (N, H, W, C) or (N, C, H, W) with 1 or
3 channels, as bytes or floats; labels are whole numbers from 0, each of which is trained on.
"""

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from sabench.errors import ConfigError
from sabench.train.data.dataset import Content, Split
from sabench.train.data.files import read_bytes, said
from sabench.train.data.split import split_by_class

SPLIT = (
    ("x_train", "y_train", "x_test", "y_test"),
    ("train_images", "train_labels", "test_images", "test_labels"),
)
WHOLE = ("images", "labels")

Arrays = Mapping[str, np.ndarray]


def read_npz(path: Path) -> Content:
    """The images and labels of a file; classes are named by their numbers.

    Raises: ConfigError for arrays that are missing, of objects, of other lengths or not finite.
    """
    arrays = _load(path)
    for x_train, y_train, x_test, y_test in SPLIT:
        if x_train in arrays:
            train = _split(path, arrays, x_train, y_train)
            test = _split(path, arrays, x_test, y_test)
            break
    else:
        if WHOLE[0] not in arrays:
            wanted = "; or ".join(", ".join(names) for names in (*SPLIT, WHOLE))
            raise ConfigError(f"{str(path)!r} has none of these arrays: {wanted}")
        train, test = split_by_class(_split(path, arrays, *WHOLE))
        if not len(test):
            raise ConfigError(f"{str(path)!r}: no class has the 3 images that make a test split")
    classes = int(train.labels.max()) + 1
    if classes > len(train):
        raise ConfigError(f"{str(path)!r}: label {classes - 1} of only {len(train)} train images")
    if int(test.labels.max()) >= classes:
        worst = int(test.labels.max())
        raise ConfigError(
            f"{str(path)!r}: test label {worst}, and the train labels end at {classes - 1}"
        )
    return Content(train, test, tuple(map(str, range(classes))))


def _load(path: Path) -> Arrays:
    data = read_bytes(path)
    if not data.startswith(b"PK"):
        raise ConfigError(f"{str(path)!r} is no .npz file: that is a zip of arrays")
    names = {name for names in (*SPLIT, WHOLE) for name in names}
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            found = {name: file[name] for name in file.files if name in names}
    except Exception as error:  # a damaged or hostile file makes numpy and zipfile raise anything
        raise ConfigError(f"{str(path)!r} has no plain, whole arrays: {said(error)}") from error
    for name, array in found.items():
        if not isinstance(array, np.ndarray):  # bytes, as they lie there
            raise ConfigError(f"{str(path)!r}: {name} is no array: save it by numpy.savez")
    return found


def _split(path: Path, arrays: Arrays, images: str, labels: str) -> Split:
    for name in (images, labels):
        if name not in arrays:
            raise ConfigError(f"{str(path)!r} has no array {name!r}, only {', '.join(arrays)}")
    x, y = _images(path, images, arrays[images]), _labels(path, labels, arrays[labels])
    if len(x) != len(y):
        raise ConfigError(f"{str(path)!r}: {len(x)} {images}, but {len(y)} {labels}")
    return Split(torch.from_numpy(x), torch.from_numpy(y))


def _images(path: Path, name: str, array: np.ndarray) -> np.ndarray:
    """(N, C, H, W), uint8 or float32."""
    if array.dtype != np.uint8 and array.dtype.kind != "f":
        raise ConfigError(f"{str(path)!r}: {name} are {array.dtype}: give uint8 or floats")
    if not array.size:
        raise ConfigError(f"{str(path)!r}: {name} hold no image")
    given = array.shape
    if array.ndim == 3:
        array = array[:, None]
    elif array.ndim == 4 and array.shape[3] in (1, 3):
        array = array.transpose(0, 3, 1, 2)
    if array.ndim != 4 or array.shape[1] not in (1, 3):
        raise ConfigError(
            f"{str(path)!r}: {name} have shape {given}: give (N, H, W), or four axes of "
            "which the last or the second is 1 or 3 channels"
        )
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array)
    with np.errstate(over="ignore"):
        floats = np.ascontiguousarray(array, dtype=np.float32)
    if not np.isfinite(floats).all():
        raise ConfigError(f"{str(path)!r}: {name} are not all finite in float32")
    return floats


def _labels(path: Path, name: str, array: np.ndarray) -> np.ndarray:
    """(N,), int64; a second axis of 1 is dropped."""
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ConfigError(
            f"{str(path)!r}: {name} are {array.dtype} {array.shape}: give one whole number each"
        )
    if array.size and not 0 <= int(array.min()) <= int(array.max()) < 2**31:
        raise ConfigError(
            f"{str(path)!r}: {name} go from {array.min()} to {array.max()}: give classes from 0"
        )
    return array.astype(np.int64)
