"""CIFAR-10 and CIFAR-100 in their binary version (Krizhevsky 2009).

A record is a label of one byte (CIFAR-100: a coarse one, then the fine one, which is used) and
3 x 32 x 32 bytes. The Python version is a pickle and is never opened.
"""

import re
from pathlib import Path

import numpy as np
import torch

from sabench.errors import ConfigError
from sabench.train.data.dataset import Content, Split
from sabench.train.data.files import entries, read_bytes

PIXELS = (3, 32, 32)
_BATCH = re.compile(r"data_batch_[0-9]+\.bin")


def is_cifar(folder: Path) -> bool:
    """Whether it has the files of either data set."""
    return any(
        _BATCH.fullmatch(path.name) or path.name in ("test_batch.bin", "train.bin", "test.bin")
        for path in entries(folder)
    )


def read_cifar(folder: Path) -> Content:
    """CIFAR-10 where there are batches, else CIFAR-100.

    Raises: ConfigError for a file that is missing, cut off, or has a label without a name.
    """
    batches = sum(bool(_BATCH.fullmatch(path.name)) for path in entries(folder))
    if batches or (folder / "test_batch.bin").exists():
        train = [folder / f"data_batch_{i}.bin" for i in range(1, max(batches, 1) + 1)]
        test, names, label_bytes = folder / "test_batch.bin", folder / "batches.meta.txt", 1
    else:
        train = [folder / "train.bin"]
        test, names, label_bytes = folder / "test.bin", folder / "fine_label_names.txt", 2
    classes = _names(names)
    return Content(
        _read(train, label_bytes, len(classes)), _read([test], label_bytes, len(classes)), classes
    )


def _names(path: Path) -> tuple[str, ...]:
    names = tuple(read_bytes(path).decode(errors="replace").split())
    if not names:
        raise ConfigError(f"{str(path)!r} has no names of classes")
    return names


def _read(paths: list[Path], label_bytes: int, classes: int) -> Split:
    records = np.concatenate([_records(path, label_bytes, classes) for path in paths])
    images = np.ascontiguousarray(records[:, label_bytes:]).reshape(-1, *PIXELS)
    labels = records[:, label_bytes - 1].astype(np.int64)
    return Split(torch.from_numpy(images), torch.from_numpy(labels))


def _records(path: Path, label_bytes: int, classes: int) -> np.ndarray:
    """(N, bytes of a record)."""
    data = np.frombuffer(read_bytes(path), dtype=np.uint8)
    record = label_bytes + 3 * 32 * 32
    if len(data) == 0 or len(data) % record:
        raise ConfigError(
            f"{str(path)!r} has {len(data)} bytes, no multiple of {record}: cut off, or no CIFAR"
        )
    records = data.reshape(-1, record)
    worst = int(records[:, label_bytes - 1].max())
    if worst >= classes:
        place = int(records[:, label_bytes - 1].argmax())
        raise ConfigError(
            f"{str(path)!r}: record {place} has label {worst}, and there are {classes} classes"
        )
    return records
