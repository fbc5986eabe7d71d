"""Reading what lies at a path; what goes wrong is one line that names the file."""

import os
from pathlib import Path

from sabench.errors import ConfigError

PICKLES = frozenset((".pkl", ".pickle"))
PICKLED_CIFAR = ("data_batch_1", "test_batch", "batches.meta")
PROTOCOLS = (b"\x02", b"\x03", b"\x04", b"\x05")
"""A pickle of these starts with 0x80 and the number; the text of older ones starts anyhow."""


def entries(folder: Path) -> list[Path]:
    """What lies in a folder, by name; hidden files are passed over.

    Raises: ConfigError if there is no such folder, or it cannot be read.
    """
    try:
        names = os.listdir(folder)
    except OSError as error:
        raise ConfigError(f"folder {str(folder)!r}: {said(error)}") from error
    return [folder / name for name in sorted(names) if not name.startswith(".")]


def read_bytes(path: Path) -> bytes:
    """The whole file.

    Raises: ConfigError if it is no plain file, cannot be read, or is a pickle.
    """
    return _read(path, -1)


def refuse_pickle(path: Path) -> None:
    """Stop at a pickle, which it is by its name or by its first bytes.

    Raises: ConfigError that names the file and what to give instead.
    """
    if path.suffix in PICKLES or path.name in PICKLED_CIFAR:
        raise _pickled(path)
    _read(path, 2)


def _read(path: Path, size: int) -> bytes:
    if not os.path.isfile(path):  # a pipe would wait for its writer
        raise ConfigError(f"{str(path)!r} is not there, or no plain file")
    try:
        with path.open("rb") as file:
            data = file.read(size)
    except OSError as error:
        raise ConfigError(f"{str(path)!r} cannot be read: {said(error)}") from error
    if data[:1] == b"\x80" and data[1:2] in PROTOCOLS:
        raise _pickled(path)
    return data


def _pickled(path: Path) -> ConfigError:
    return ConfigError(
        f"{str(path)!r} is a Python pickle, which can run any code and is never opened: give the "
        "binary version of CIFAR (cifar-10-binary.tar.gz, unpacked), or arrays in an .npz file"
    )


def said(error: Exception) -> str:
    """What a foreign error tells, on one line."""
    text = (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
    return text if text.isprintable() else ascii(text)[1:-1]
