"""From the results that a command names to the sides that are held against each other."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from sabench.compare.join import Side, sides_of
from sabench.errors import ConfigError, ResultError
from sabench.store.leaderboard import read_leaderboard

Pair = tuple[Side, Side]


def read_sides(sources: Sequence[Path], across: Sequence[str] = ()) -> list[list[Side]]:
    """The sides of each result.

    Raises: ResultError for one that cannot be read or has no case, ConfigError for a single side
    or a key that no case has.
    """
    found = [sides_of(str(path), read_leaderboard(path), across) for path in sources]
    for path, sides in zip(sources, found, strict=True):
        if not sides:
            raise ResultError(f"{path}: no case in it; measure again")
    if sum(map(len, found)) < 2:
        raise ConfigError(f"{sources[0]} alone: compare takes two results or more, the base first")
    return found


def pairs_on_one_device(sources: Sequence[Sequence[Side]]) -> list[Pair] | None:
    """Each side of the first result with its like in the others; None if the devices differ."""
    base, *others = sources
    if not others:
        return None
    by_name = [dict(_named(sides, len(base) > 1)) for sides in sources]
    if any(one.keys() != by_name[0].keys() for one in by_name):
        return None
    return [(side, other[key]) for other in by_name[1:] for key, side in by_name[0].items()]


def _named(sides: Sequence[Side], several: bool) -> Iterator[tuple[tuple[str, ...], Side]]:
    """Sides by the name of their device, and by its place where a result has several."""
    for side in sides:
        found = side.environment
        yield (found.device_kind, found.device_name, side.device if several else ""), side
