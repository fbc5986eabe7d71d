"""Files of one JSON object a line: appended durably, read tolerantly."""

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from sabench.errors import ResultError


class Line(NamedTuple):
    """A whole line that parses: as it was written, without its end, and what it says."""

    text: bytes
    item: dict[str, Any]


def append(path: Path, item: dict[str, Any]) -> None:
    """Write an item as one line.

    Raises: as `append_line`.
    """
    append_line(path, json.dumps(item, ensure_ascii=False, allow_nan=False))


def append_line(path: Path, text: str) -> None:
    """Write one line and fsync it. A torn last line from a killed writer is closed first.

    Raises: ResultError if the disk refuses, or for characters that UTF-8 has not; what stood in
    the file before is left as it was.
    """
    line = _encoded(path, text) + b"\n"
    try:
        with _opened(path, os.O_RDWR | os.O_APPEND) as file:
            size = os.fstat(file).st_size
            if size and os.pread(file, 1, size - 1) != b"\n":
                line = b"\n" + line
            try:
                _write_through(file, line)
            except OSError:
                with suppress(OSError):  # a device that cannot be cut
                    os.ftruncate(file, size)
                raise
        if not size:
            _keep_name(path)
    except OSError as error:
        raise ResultError(f"{path}: cannot append: {error.strerror or error}") from error


def read(path: Path) -> Iterator[dict[str, Any]]:
    """What every whole line says that parses, in order; a torn line is passed over.

    Raises: ResultError if the file is there and cannot be read.
    """
    return (line.item for line in read_lines(path))


def read_lines(path: Path) -> Iterator[Line]:
    """The same with their text.

    Raises: ResultError if the file is there and cannot be read.
    """
    return _parse(_from(path, 0))


def read_from(path: Path, offset: int) -> tuple[list[Line], int]:
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


def _parse(lines: bytes) -> Iterator[Line]:
    for text in lines.split(b"\n"):
        try:
            item = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(item, dict):
            yield Line(text, item)


def write_atomically(path: Path, text: str) -> None:
    """Replace a file in one step, so that a reader never sees half of it.

    Raises: ResultError if the disk refuses, or for characters that UTF-8 has not.
    """
    scratch = os.path.join(path.parent, f".{path.name}.{os.getpid()}.tmp")
    data = _encoded(path, text)
    try:
        with _opened(scratch, os.O_WRONLY | os.O_TRUNC) as file:
            _write_through(file, data)
        os.replace(scratch, path)
        _keep_name(path)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(scratch)
        if isinstance(error, OSError):
            raise ResultError(f"{path}: cannot write: {error.strerror or error}") from error
        raise


def spelt_out(text: str) -> str:
    """Text that a file can hold: a byte that is no UTF-8, of a path or a variable, as its code."""
    return text.encode(errors="backslashreplace").decode()


def _encoded(path: Path, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise ResultError(f"{path}: cannot write: {error}") from error


@contextmanager
def _opened(path: str | Path, flags: int) -> Iterator[int]:
    """A descriptor: a file object takes two fifths of the time of a small write to cold caches."""
    descriptor = os.open(path, flags | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _write_through(descriptor: int, data: bytes) -> None:
    """Write all of it, to the disk; one that took a part is asked again, and then says why not."""
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]
    os.fsync(descriptor)


def _keep_name(path: Path) -> None:
    """A file's new name outlives a loss of power only when its folder is on the disk too."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a file system without such a call
            raise
    finally:
        os.close(folder)
