"""Finding a suite: a path, then ./suites/NAME.yaml, then the copy that ships with sabench."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from sabench.cases.model import Entry, Suite, Sweep, Value
from sabench.cases.parse import parse_suite
from sabench.cases.wording import unknown
from sabench.errors import SuiteError

__all__ = ["Entry", "Suite", "Sweep", "Value", "load_suite", "suite_names"]


def load_suite(name_or_path: str | Path) -> Suite:
    """The suite of that name, or in that file.

    Raises: SuiteError that starts with file:line:column.
    """
    file, source = _find(str(name_or_path))
    try:
        data = source.read_bytes()
    except IsADirectoryError as error:
        raise SuiteError(f"{file}:1:1: is a directory, not a suite file") from error
    except OSError as error:
        raise SuiteError(f"{file}:1:1: cannot be read: {error.strerror or error}") from error
    return parse_suite(data, file)


def suite_names() -> list[str]:
    """Every suite that goes by its name: those in ./suites and the shipped ones."""
    folders = (Path("suites"), _shipped())
    return sorted(
        {
            entry.name.removesuffix(".yaml")
            for folder in folders
            if folder.is_dir()
            for entry in folder.iterdir()
            if entry.name.endswith(".yaml")
        }
    )


def _find(text: str) -> tuple[str, Traversable]:
    """How places name the file, and the file."""
    path = Path(text)
    if path.suffix in (".yaml", ".yml") or len(path.parts) != 1 or path.is_file():
        if not path.exists():
            raise SuiteError(f"{_shown(text)}:1:1: there is no such file")
        return _shown(text), path
    for folder in (Path("suites"), _shipped()):
        file = folder / f"{text}.yaml"
        if file.is_file():
            return str(file), file
    raise SuiteError(f"{_shown(text)}:1:1: {unknown('suite', text, suite_names())}")


def _shipped() -> Traversable:
    """The wheel's copy; in a checkout, the repository's own suites/ beside the package."""
    package = files("sabench")
    copy = package / "data" / "suites"
    return copy if copy.is_dir() else Path(str(package)).parent / "suites"


def _shown(text: str) -> str:
    """A path as a message shows it: on one line."""
    return text if text.isprintable() else ascii(text)[1:-1]
