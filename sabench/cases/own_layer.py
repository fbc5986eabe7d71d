"""A layer of the user's own: `path/to/file.py:Class`, read here and run only in a child process."""

import ast
import warnings
from collections.abc import Iterator
from pathlib import Path

from sabench.cases.model import Entry
from sabench.cases.wording import show_value, unknown
from sabench.catalog.layers import layers
from sabench.errors import ConfigError

MAX_SOURCE_BYTES = 4 * 1024**2


def own_layer(spec: str) -> Entry:
    """The entry that adds the class to a suite, with the suite's shared axes and no options.

    The file is parsed, never imported. Ids carry the class name only; the path stands in `file`.
    Raises: ConfigError if there is no such file or class, or the name is a layer's already.
    """
    path, name = file_and_class(spec)
    if name in layers():
        raise ConfigError(f"--layer {spec}: {name} is a layer of sabench: rename the class")
    tree = _parse(path)
    classes = _classes(tree)
    if name not in (*classes, *_borrowed(tree)):
        known = unknown("class", name, classes) if classes else "defines no class"
        raise ConfigError(f"{path}: {known}")
    return Entry(
        kind="layer", subject=name, place=f"--layer {spec}", file=f"{path.resolve()}:{name}"
    )


def file_and_class(spec: str) -> tuple[Path, str]:
    """The two parts of `path/to/file.py:Class`.

    Raises: ConfigError if it has not these parts.
    """
    path, _, name = spec.rpartition(":")
    if not path or not name.isidentifier():
        raise ConfigError(f"--layer {show_value(spec)} is not path/to/file.py:Class")
    return Path(path), name


def defines(path: Path, name: str) -> bool:
    """Whether there is such a file, and it has what may be the class.

    Raises: ConfigError if it cannot be read or is no Python.
    """
    if not path.exists():
        return False
    tree = _parse(path)
    return name in (*_classes(tree), *_borrowed(tree))


def _classes(tree: ast.Module) -> list[str]:
    return [node.name for node in tree.body if isinstance(node, ast.ClassDef)]


def _borrowed(tree: ast.Module) -> Iterator[str]:
    """Names that the top level imports from a module or assigns: each may be a class.

    Whether it is one, the measuring process sees.
    """
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and node.value and isinstance(node.target, ast.Name):
            yield node.target.id


def _parse(path: Path) -> ast.Module:
    """The syntax tree of a file.

    Raises: ConfigError if it cannot be read or is no Python.
    """
    try:
        data = path.read_bytes()
        if len(data) > MAX_SOURCE_BYTES:
            raise ConfigError(f"{path}: {len(data)} bytes are no layer's source")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the user's escapes are not ours to judge
            return ast.parse(data)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
    except SyntaxError as error:
        place = f"{path}:{error.lineno or 1}:{error.offset or 1}"
        raise ConfigError(f"{place}: is no Python: {error.msg}") from error
    except (ValueError, RecursionError, MemoryError) as error:  # null bytes, absurd nesting
        raise ConfigError(f"{path}: is no Python: {error}") from error
