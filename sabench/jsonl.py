"""Files of one JSON object a line: appended durably, read tolerantly."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sabench.errors import ResultError


def append(path: Path, item: dict[str, Any]) -> None:
    """Write one line and fsync it. A torn last line from a killed writer is closed first.

    Raises: ResultError if the disk refuses.
    """
    line = json.dumps(item, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    try:
        with path.open("ab") as file:
            if file.tell() and not _ends_with_newline(path):
                file.write(b"\n")
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ResultError(f"{path}: cannot append: {error.strerror or error}") from error


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Every whole line that parses, in order; a torn line is passed over."""
    if not path.exists():
        return
    for line in path.read_bytes().split(b"\n"):
        try:
            item = json.loads(line)
        except ValueError:
            continue
        if isinstance(item, dict):
            yield item


def write_atomically(path: Path, text: str) -> None:
    """Replace a file in one step, so that a reader never sees half of it.

    Raises: ResultError if the disk refuses.
    """
    scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with scratch.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    except OSError as error:
        scratch.unlink(missing_ok=True)
        raise ResultError(f"{path}: cannot write: {error.strerror or error}") from error


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
