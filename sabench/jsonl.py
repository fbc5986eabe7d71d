"""Files of one JSON object a line: appended durably, read tolerantly."""

import errno
import json
import os
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import Any

from sabench.errors import ResultError


def append(path: Path, item: dict[str, Any]) -> None:
    """Write an item as one line.

    Raises: as `append_line`.
    """
    append_line(path, json.dumps(item, ensure_ascii=False, allow_nan=False))


def append_line(path: Path, text: str) -> None:
    """Write one line and fsync it. A torn last line from a killed writer is closed first.

    Raises: ResultError if the disk refuses; what stood in the file before is left as it was.
    """
    line = text.encode() + b"\n"
    try:
        with path.open("a+b", buffering=0) as file:
            size = file.tell()
            if size and not _ends_with_newline(file):
                line = b"\n" + line
            if file.write(line) < len(line):
                os.ftruncate(file.fileno(), size)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(file.fileno())
    except OSError as error:
        raise ResultError(f"{path}: cannot append: {error.strerror or error}") from error


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Every whole line that parses, in order; a torn line is passed over.

    Raises: ResultError if the file is there and cannot be read.
    """
    return _parse(_from(path, 0))


def read_from(path: Path, offset: int) -> tuple[list[dict[str, Any]], int]:
    """The lines that were ended since `offset` bytes, and the offset behind the last of them.

    Raises: ResultError if the file is there and cannot be read.
    """
    whole, newline, _ = _from(path, offset).rpartition(b"\n")
    return list(_parse(whole)), offset + len(whole) + len(newline)


def _from(path: Path, offset: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise ResultError(f"{path}: cannot read: {error.strerror or error}") from error


def _parse(lines: bytes) -> Iterator[dict[str, Any]]:
    for line in lines.split(b"\n"):
        try:
            item = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(item, dict):
            yield item


def write_atomically(path: Path, text: str) -> None:
    """Replace a file in one step, so that a reader never sees half of it.

    Raises: ResultError if the disk refuses.
    """
    scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        data = text.encode()
        with scratch.open("wb", buffering=0) as file:
            if file.write(data) < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(file.fileno())
        scratch.replace(path)
    except OSError as error:
        scratch.unlink(missing_ok=True)
        raise ResultError(f"{path}: cannot write: {error.strerror or error}") from error


def _ends_with_newline(file: FileIO) -> bool:
    """What is written next comes to the end all the same."""
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"
