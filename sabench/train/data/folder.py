"""A folder of images, {train,test}/<class>/*.jpg, through Pillow, as one tensor of bytes."""

import io
import os
import warnings
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray

from sabench.errors import ConfigError
from sabench.train.data.dataset import Content, Split
from sabench.train.data.files import entries, read_bytes, said

SUFFIXES = (
    *(".jpg", ".jpe", ".jpeg", ".jfif", ".png", ".bmp", ".gif"),
    *(".pbm", ".pgm", ".pnm", ".ppm", ".tif", ".tiff", ".webp"),
)
LAYOUT = "an image folder is {train,test}/<class>/*.jpg"

DEEP = ("I", "I;16", "I;16B", "I;16L", "I;16N", "F")
"""Modes of more than 8 bits, which Pillow would cut off at 255."""


def read_folder(folder: Path, size: int | None = None) -> Content:
    """Every image as three channels of bytes: (N, 3, H, W); size x size if it is given.

    Classes are the folders of train, by name, and those of test are the same. Files of other
    suffixes are passed over; of several frames the first is read.
    Raises: ConfigError for another layout, a class without images, an image that cannot be read or,
    without `size`, is of another size than the first.
    """
    splits = {part: _classes(folder, part) for part in ("train", "test")}
    for one, other in (("train", "test"), ("test", "train")):
        for name in splits[one].keys() - splits[other].keys():
            raise ConfigError(
                f"{str(splits[one][name])!r} is a class that {other} lacks: {LAYOUT}, with the "
                "same classes in both"
            )
    files = {
        part: [(file, label) for label, name in enumerate(found) for file in _images(found[name])]
        for part, found in splits.items()
    }
    first = files["train"][0][0]
    shape = (size, size) if size else _opened(first, None).shape[:2]
    train, test = (_read(files[part], shape, first, size) for part in ("train", "test"))
    return Content(train, test, tuple(splits["train"]))


def _classes(folder: Path, part: str) -> dict[str, Path]:
    """The folders of a split by their names.

    Raises: ConfigError if there is none, or images lie beside them.
    """
    try:
        found = entries(folder / part)
    except ConfigError as error:
        raise ConfigError(f"{error}: {LAYOUT}") from error
    classes = {path.name: path for path in found if os.path.isdir(path)}
    loose = [path for path in found if _is_image(path) and path.name not in classes]
    if loose or not classes:
        what = f"image {str(loose[0])!r} has" if loose else f"{str(folder / part)!r} has"
        raise ConfigError(f"{what} no class folder: {LAYOUT}")
    return classes


def _images(folder: Path) -> list[Path]:
    """The image files of a class.

    Raises: ConfigError if there are none, or folders.
    """
    found = entries(folder)
    for path in found:
        if os.path.isdir(path):
            raise ConfigError(f"{str(path)!r} is a folder inside of a class: {LAYOUT}")
    images = [path for path in found if _is_image(path)]
    if not images:
        raise ConfigError(f"class {str(folder)!r} has no images ({', '.join(SUFFIXES)})")
    return images


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def _read(
    files: list[tuple[Path, int]], shape: tuple[int, ...], first: Path, size: int | None
) -> Split:
    images = np.empty((len(files), *shape, 3), dtype=np.uint8)
    for place, (path, _) in enumerate(files):
        image = _opened(path, size)
        if image.shape[:2] != shape:
            raise ConfigError(
                f"images differ in size: {str(first)!r} is {shape[1]} x {shape[0]} and "
                f"{str(path)!r} is {image.shape[1]} x {image.shape[0]}: give one size for all"
            )
        images[place] = image
    labels = torch.tensor([label for _, label in files], dtype=torch.int64)
    return Split(torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(), labels)


def _opened(path: Path, size: int | None) -> NDArray[np.uint8]:
    """One image's bytes, (H, W, 3)."""
    library = _pillow()
    data = io.BytesIO(read_bytes(path))
    try:
        with warnings.catch_warnings(action="ignore"), library.open(data) as image:
            image.load()
            mode = image.mode
            colours = image.convert("RGB")
    except Exception as error:  # a damaged file makes Pillow raise nearly anything
        raise ConfigError(f"{str(path)!r} is no image that can be read: {_why(error)}") from error
    if mode in DEEP:
        raise ConfigError(f"{str(path)!r} has pixels of mode {mode}: give 8 bits a channel")
    if size:
        colours = colours.resize((size, size), library.Resampling.BILINEAR)
    return np.asarray(colours)


def _why(error: Exception) -> str:
    """Pillow names the stream it was given where it does not know a format."""
    return "its format is not known" if "cannot identify" in str(error) else said(error)


def _pillow() -> ModuleType:
    try:
        from PIL import Image
    except ImportError as error:
        raise ConfigError(
            "image folders are read by Pillow, which is not here: pip install 'sabench[train]'"
        ) from error
    return Image
