"""Small files that the system tells by: their text, or that there is none. Torch-free."""

from collections.abc import Iterable
from pathlib import Path


def text(path: Path) -> str | None:
    """A small file's content; None where it is not to be read."""
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return None


def first_text(folders: Iterable[Path], *names: str) -> tuple[Path, str] | None:
    """The first of the files that can be read, and its content; None if none can."""
    for folder in folders:
        for name in names:
            if (content := text(folder / name)) is not None:
                return folder / name, content
    return None
