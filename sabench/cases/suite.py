"""Finding a suite: a path, then ./suites/NAME.yaml, then the copy that ships with sabench."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from sabench.cases.model import Entry, Suite, Sweep, Value
from sabench.cases.parse import parse_suite
from sabench.catalog.networks.options import hint
from sabench.errors import SuiteError

__all__ = ["Entry", "Suite", "Sweep", "Value", "load_suite", "suite_names"]


def load_suite(name_or_path: str | Path) -> Suite:
    """The suite of that name, or in that file.

    Raises: SuiteError that starts with file:line:column; with the suite's name or path if there
    is no file to read.
    """
    file, source = _find(str(name_or_path))
    try:
        data = source.read_bytes()
    except IsADirectoryError as error:
        raise SuiteError(f"suite {file!r} is a directory, not a suite file") from error
    except OSError as error:
        why = error.strerror or error
        raise SuiteError(f"suite {file!r} cannot be read: {why}") from error
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
    if path.suffix in (".yaml", ".yml") or text != path.name or path.is_file():
        if not path.exists():
            raise SuiteError(f"suite {text!r}: there is no such file")
        return _shown(text), path
    for folder in (Path("suites"), _shipped()):
        file = folder / f"{text}.yaml"
        if file.is_file():
            return str(file), file
    if path.is_dir():
        return _shown(text), path
    raise SuiteError(f"suite {text!r} is not known, {hint(text, suite_names())}")


def _shipped() -> Traversable:
    """The wheel's copy; in a checkout, the repository's own suites/ beside the package."""
    package = files("sabench")
    copy = package / "data" / "suites"
    return copy if copy.is_dir() else Path(str(package)).parent / "suites"


def _shown(text: str) -> str:
    """A path as a message shows it: on one line."""
    return text if text.isprintable() else ascii(text)[1:-1]
