"""A table of rows: the built-in ones and those of an entry-point group."""

from collections.abc import Iterable
from importlib.metadata import entry_points
from typing import Protocol, TypeVar

from sabench.errors import ConfigError


class _Named(Protocol):
    @property
    def name(self) -> str: ...


Row = TypeVar("Row", bound=_Named)


def rows_of(group: str, kind: type[Row], built_in: Iterable[Row]) -> dict[str, Row]:
    """Every row by name: the built-in ones, then the group's.

    Raises: ConfigError if an entry point cannot be loaded, is no `kind`, or takes a taken name.
    """
    table = {row.name: row for row in built_in}
    for point in entry_points(group=group):
        try:
            row = point.load()
        except Exception as error:  # a stranger's package may raise anything
            raise ConfigError(f"entry point {point.name} = {point.value}: {error}") from error
        if not isinstance(row, kind):
            what = kind.__name__
            raise ConfigError(f"entry point {point.name} = {point.value} is no sabench {what}")
        if row.name in table:
            what = kind.__name__.lower()
            raise ConfigError(f"entry point {point.name}: the {what} {row.name!r} exists already")
        table[row.name] = row
    return table
