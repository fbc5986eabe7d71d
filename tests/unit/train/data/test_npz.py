"""Arrays in .npz files, and every way in which they cannot be used; also files of other kinds."""

from pathlib import Path

import numpy as np
import pytest
import torch

from sabench.catalog.data import parse_data
from sabench.train.data.dataset import Dataset
from sabench.train.data.load import load_data

BYTES = np.arange(6 * 4 * 5, dtype=np.uint8).reshape(6, 4, 5)
LABELS = np.array([0, 1, 2, 0, 1, 2])
GOOD = {"x_train": BYTES, "y_train": LABELS, "x_test": BYTES[:2], "y_test": LABELS[:2]}


def load(path: Path) -> Dataset:
    return load_data(parse_data(str(path)))


def saved(path: Path, **arrays: np.ndarray) -> Path:
    np.savez(path, **arrays)
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "arrays.npz"


def test_four_arrays_are_two_splits(file: Path) -> None:
    data = load(saved(file, **GOOD))
    assert torch.equal(data.train.images, torch.arange(120, dtype=torch.uint8).view(6, 1, 4, 5))
    assert data.train.labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert data.test.images.shape == (2, 1, 4, 5)
    assert data.test.labels.tolist() == [0, 1]
    assert data.classes == ("0", "1", "2")


def test_other_names_are_the_same_data(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.npz"
    names = dict(
        zip(GOOD, ("train_images", "train_labels", "test_images", "test_labels"), strict=1)
    )
    saved(other, **{names[name]: array for name, array in GOOD.items()})
    assert load(other).sha256 == load(saved(file, **GOOD)).sha256


def test_one_array_is_split_80_to_20_in_every_class(file: Path) -> None:
    images = np.arange(100, dtype=np.uint8).reshape(-1, 1, 1)
    data = load(saved(file, images=images, labels=np.arange(100) // 50))
    assert torch.bincount(data.train.labels).tolist() == [40, 40]
    assert torch.bincount(data.test.labels).tolist() == [10, 10]
    both = torch.cat([data.train.images, data.test.images]).flatten().sort().values
    assert both.tolist() == list(range(100))
    assert torch.equal(data.train.images.flatten() >= 50, data.train.labels.bool())


@pytest.mark.parametrize(
    ("shape", "read"),
    [
        ((6, 4, 5), (6, 1, 4, 5)),
        ((6, 4, 5, 3), (6, 3, 4, 5)),
        ((6, 4, 5, 1), (6, 1, 4, 5)),
        ((6, 3, 4, 5), (6, 3, 4, 5)),
    ],
)
def test_channels_are_last_or_second(
    shape: tuple[int, ...], read: tuple[int, ...], file: Path
) -> None:
    images = np.arange(np.prod(shape), dtype=np.uint16).astype(np.uint8).reshape(shape)
    arrays = GOOD | {"x_train": images, "x_test": images, "y_test": LABELS}
    data = load(saved(file, **arrays))
    assert data.train.images.shape == read
    if shape[-1] == 3:
        assert data.train.images[0, :, 0, 0].tolist() == [0, 1, 2]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_are_read_as_float32(dtype: type, file: Path) -> None:
    data = load(saved(file, **GOOD | {"x_train": BYTES.astype(dtype) / 2, "x_test": BYTES[:2] / 2}))
    assert data.train.images.dtype == torch.float32
    assert data.train.images.flatten().tolist() == [value / 2 for value in range(120)]


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64, np.uint64])
def test_labels_are_any_whole_numbers_also_in_a_column(dtype: type, file: Path) -> None:
    data = load(saved(file, **GOOD | {"y_train": LABELS.astype(dtype)[:, None]}))
    assert data.train.labels.dtype == torch.int64
    assert data.train.labels.tolist() == [0, 1, 2, 0, 1, 2]


def test_a_compressed_file_is_the_same(file: Path, tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "small.npz", **GOOD)
    assert load(tmp_path / "small.npz").sha256 == load(saved(file, **GOOD)).sha256


def test_unknown_arrays_may_be_flipped_into_others_so_they_are_only_cropped(file: Path) -> None:
    augmentation = load(saved(file, **GOOD)).augmentation
    assert (augmentation.crop, augmentation.flip) == (True, False)


def floats(value: float) -> np.ndarray:
    array = BYTES.astype(np.float64)
    array[2, 1, 1] = value
    return array


FLOAT_TEST = {"x_test": BYTES[:2] / 2}
MISTAKES = {
    "objects": ({"x_train": np.array([None, {}])}, "Object arrays cannot be loaded when allow_pi"),
    "no number": (FLOAT_TEST | {"x_train": floats(np.nan)}, "x_train are not all finite"),
    "infinity": (FLOAT_TEST | {"x_train": floats(np.inf)}, "x_train are not all finite"),
    "past float32": (FLOAT_TEST | {"x_train": floats(1e300)}, "x_train are not all finite"),
    "whole numbers for images": ({"x_train": BYTES.astype(int)}, "x_train are int64: give uint8"),
    "truth for images": ({"x_train": BYTES > 3}, "x_train are bool: give uint8 or floats"),
    "text for images": ({"x_train": np.array(["a"])}, "x_train are <U1: give uint8 or floats"),
    "flat images": ({"x_train": BYTES.reshape(6, 20)}, "x_train have shape (6, 20): give (N, H, W"),
    "two channels": ({"x_train": BYTES.reshape(6, 2, 2, 5)}, "x_train have shape (6, 2, 2, 5)"),
    "no images": ({"x_train": BYTES[:0], "y_train": LABELS[:0]}, "x_train hold no image"),
    "no test images": ({"x_test": BYTES[:0], "y_test": LABELS[:0]}, "x_test hold no image"),
    "too few labels": ({"y_train": LABELS[:5]}, "6 x_train, but 5 y_train"),
    "too few test images": ({"x_test": BYTES[:1]}, "1 x_test, but 2 y_test"),
    "a negative label": ({"y_train": LABELS - 1}, "y_train go from -1 to 1: give classes from 0"),
    "a huge label": ({"y_train": LABELS + 2**40}, "y_train go from 1099511627776"),
    "more labels than images": ({"y_train": LABELS + 5}, "label 7 of only 6 train images"),
    "a class without images": ({"y_train": LABELS * 2}, "class '1' has no train image"),
    "a single class": ({"y_train": LABELS * 0, "y_test": LABELS[:2] * 0}, "have one class, '0'"),
    "a label that is only tested": ({"y_test": LABELS[2:4] + 1}, "test label 3, and the train lab"),
    "labels as floats": ({"y_train": LABELS / 1}, "y_train are float64 (6,): give one whole"),
    "one-hot labels": ({"y_train": np.eye(3, dtype=int)[LABELS]}, "y_train are int64 (6, 3): give"),
    "other test images": ({"x_test": BYTES[:2, 1:]}, "train images are 1 x 4 x 5 uint8 and test"),
    "floats beside bytes": ({"x_test": BYTES[:2] / 2}, "and test images 1 x 4 x 5 float32"),
}


@pytest.mark.parametrize(("changed", "told"), MISTAKES.values(), ids=MISTAKES)
def test_arrays_that_cannot_be_used_are_refused_in_one_line(
    changed: dict[str, np.ndarray], told: str, file: Path, refusal
) -> None:
    line = refusal(saved(file, **GOOD | changed))
    assert told in line
    assert str(file) in line


def test_a_missing_array_is_named(file: Path, refusal) -> None:
    saved(file, **{name: array for name, array in GOOD.items() if name != "y_test"})
    assert "has no array 'y_test', only x_train, y_train, x_test" in refusal(file)


def test_arrays_of_other_names_are_told_the_known_ones(file: Path, refusal) -> None:
    saved(file, data=BYTES)
    line = refusal(file)
    assert "has none of these arrays: x_train, y_train, x_test, y_test; or" in line
    assert line.endswith("or images, labels")


def test_too_few_images_to_split_are_refused(file: Path, refusal) -> None:
    saved(file, images=BYTES, labels=LABELS)
    assert "no class has the 3 images that make a test split" in refusal(file)


def test_an_array_that_is_not_asked_for_is_not_opened(file: Path) -> None:
    before = load(saved(file, **GOOD)).sha256
    assert load(saved(file, **GOOD, notes=np.array([None]))).sha256 == before


BROKEN = {
    "an empty file": (lambda data: b"", "is no .npz file: that is a zip of arrays"),
    "text": (lambda data: b"x_train,y_train", "is no .npz file"),
    "a file cut off": (lambda data: data[: len(data) // 2], "has no plain, whole arrays"),
    "changed bytes": (lambda data: data.replace(bytes(range(60)), bytes(60)), "Bad CRC-32"),
}


@pytest.mark.parametrize(("spoil", "told"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_refused_in_one_line(spoil, told: str, file: Path, refusal) -> None:
    file.write_bytes(spoil(saved(file, **GOOD).read_bytes()))
    assert told in refusal(file)


@pytest.mark.parametrize("name", ["photos.csv", "photos.tar.gz", "photos.npy", "photos\n.txt"])
def test_a_file_of_another_kind_is_told_the_known_ones(name: str, tmp_path: Path, refusal) -> None:
    (tmp_path / name).write_bytes(b"\x1f\x8b\x08")
    line = refusal(tmp_path / name)
    assert "is of no known kind: give an .npz file, the folder of CIFAR's binary version" in line
