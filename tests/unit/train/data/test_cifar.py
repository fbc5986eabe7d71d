"""The binary version of CIFAR, on files written here byte by byte."""

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from sabench.catalog.data import parse_data
from sabench.train.data.dataset import Dataset
from sabench.train.data.load import load_data

NAMES = ("ant", "bee", "cow")
RECORD = 1 + 3072


def record(*labels: int, pixel: int) -> bytes:
    """Labels, then a red, a green and a blue plane; each row starts with its number."""
    row = [bytes([y]) + bytes([pixel] * 31) for y in range(32)]
    plane = b"".join(row)
    return bytes(labels) + plane + plane.replace(bytes([pixel]), bytes([pixel + 1])) + plane


@pytest.fixture
def cifar10(tmp_path: Path) -> Path:
    """Two batches of three records, and three to test on."""
    for i in (1, 2):
        batch = b"".join(record(label, pixel=100 * i + 10 * label) for label in (2, 0, 1))
        (tmp_path / f"data_batch_{i}.bin").write_bytes(batch)
    (tmp_path / "test_batch.bin").write_bytes(
        b"".join(record(label, pixel=50) for label in range(3))
    )
    (tmp_path / "batches.meta.txt").write_text("\n".join(NAMES) + "\n\n")
    return tmp_path


@pytest.fixture
def cifar100(tmp_path: Path) -> Path:
    """Records with a coarse label of 9 before the fine one."""
    for name in ("train.bin", "test.bin"):
        records = (record(9, label, pixel=60 + label) for label in range(3))
        (tmp_path / name).write_bytes(b"".join(records))
    (tmp_path / "fine_label_names.txt").write_text("\n".join(NAMES) + "\n")
    (tmp_path / "coarse_label_names.txt").write_text("insects\n")
    return tmp_path


def load(path: Path) -> Dataset:
    return load_data(parse_data(str(path)))


def test_cifar_10_has_every_batch_in_order(cifar10: Path) -> None:
    data = load(cifar10)
    assert data.classes == NAMES
    assert data.train.labels.tolist() == [2, 0, 1, 2, 0, 1]
    assert data.test.labels.tolist() == [0, 1, 2]
    assert data.train.images.shape == (6, 3, 32, 32)
    assert data.train.images.dtype == torch.uint8
    assert data.train.images[:, 0, 0, 1].tolist() == [120, 100, 110, 220, 200, 210]


def test_planes_are_channels_and_rows_are_rows(cifar10: Path) -> None:
    image = load(cifar10).train.images[1]
    assert image[:, 31, 5].tolist() == [100, 101, 100]
    assert image[0, :, 0].tolist() == list(range(32))


def test_ten_batches_and_more_are_in_the_order_of_their_numbers(cifar10: Path) -> None:
    for i in range(3, 12):
        batch = b"".join(record(label, pixel=i) for label in range(3))
        (cifar10 / f"data_batch_{i}.bin").write_bytes(batch)
    assert load(cifar10).train.images[6::3, 0, 0, 1].tolist() == list(range(3, 12))


def test_cifar_100_has_the_fine_labels(cifar100: Path) -> None:
    data = load(cifar100)
    assert data.classes == NAMES
    assert data.train.labels.tolist() == data.test.labels.tolist() == [0, 1, 2]
    assert data.train.images[:, 0, 0, 1].tolist() == [60, 61, 62]


def test_photographs_are_cropped_and_flipped(cifar10: Path) -> None:
    assert (load(cifar10).augmentation.crop, load(cifar10).augmentation.flip) == (True, True)


def cut(name: str, size: int) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:size])


def remove(*names: str) -> Callable[[Path], object]:
    return lambda folder: [(folder / name).unlink() for name in names]


def write(name: str, data: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(data)


PICKLE = pickle.dumps({b"data": [1]}, protocol=2)  # the protocol of CIFAR's Python version
MISTAKES = {
    "a batch cut off": (
        cut("data_batch_2.bin", 2 * RECORD - 1),
        "data_batch_2.bin' has 6145 bytes, no multiple of 3073: cut off, or no CIFAR",
    ),
    "an empty batch": (write("test_batch.bin", b""), "test_batch.bin' has 0 bytes, no multiple"),
    "a label without a name": (
        write("data_batch_2.bin", record(0, pixel=1) + record(3, pixel=2)),
        "data_batch_2.bin': record 1 has label 3, and there are 3 classes",
    ),
    "a class without images": (
        write("batches.meta.txt", b"ant bee cow dog"),
        "class 'dog' has no train image",
    ),
    "no names": (write("batches.meta.txt", b"\n"), "batches.meta.txt' has no names of classes"),
    "a missing batch": (remove("data_batch_1.bin"), "data_batch_1.bin' is not there"),
    "no batch": (remove("data_batch_1.bin", "data_batch_2.bin"), "data_batch_1.bin' is not there"),
    "no test batch": (remove("test_batch.bin"), "test_batch.bin' is not there"),
    "no file of names": (remove("batches.meta.txt"), "batches.meta.txt' is not there"),
    "a pickle under a binary name": (
        write("data_batch_1.bin", PICKLE),
        "data_batch_1.bin' is a Python pickle",
    ),
}


@pytest.mark.parametrize(("spoil", "told"), MISTAKES.values(), ids=MISTAKES)
def test_a_file_that_cannot_be_used_is_refused_in_one_line(
    spoil: Callable[[Path], object], told: str, cifar10: Path, refusal
) -> None:
    spoil(cifar10)
    assert told in refusal(cifar10)


def test_cifar_100_without_its_test_file_is_refused(cifar100: Path, refusal) -> None:
    (cifar100 / "test.bin").unlink()
    assert "test.bin' is not there" in refusal(cifar100)


class Trap:
    """A pickle that leaves a trace where it is opened."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return (Path.touch, (self.trace,))


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("data_batch_1", "."),
        ("data_batch_1", "data_batch_1"),
        ("test_batch", "."),
        ("cifar.pkl", "."),
        ("cifar.pkl", "cifar.pkl"),
    ],
)
def test_a_pickle_is_never_opened_and_the_remedy_is_named(
    protocol: int, name: str, asked: str, tmp_path: Path, refusal
) -> None:
    folder, trace = tmp_path / "cifar", tmp_path / "trace"
    folder.mkdir()
    (folder / name).write_bytes(pickle.dumps(Trap(trace), protocol=protocol))
    line = refusal(folder / asked)
    assert f"{name}' is a Python pickle" in line
    assert "binary version of CIFAR (cifar-10-binary.tar.gz" in line
    assert not trace.exists()


@pytest.mark.parametrize("name", ["train", "meta", "photos", "photos.npz", "photos.bin"])
def test_a_pickle_is_known_by_its_first_bytes(name: str, tmp_path: Path, refusal) -> None:
    (tmp_path / name).write_bytes(PICKLE)
    assert f"{name}' is a Python pickle" in refusal(tmp_path / name)
    assert f"{name}' is a Python pickle" in refusal(tmp_path)
