"""From the results that a command names to the sides that are held against each other."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from sabench.compare.join import Device, Side, devices_among, is_one_run, sides_of
from sabench.errors import ConfigError, ResultError
from sabench.store.leaderboard import read_leaderboard

Pair = tuple[Side, Side]

BESIDE = "device"
"""What `across` has to lay sides beside each other, whatever they share; no key of a case."""


def read_sides(sources: Sequence[Path], across: Sequence[str] = ()) -> list[list[Side]]:
    """The sides of each result, apart by the keys in `across`; one that stands again says so.

    Raises: ResultError for one that cannot be read or has no case, ConfigError for a single side
    or a key that no case has.
    """
    keys = keys_of(across)
    found = [sides_of(str(path), read_leaderboard(path), keys) for path in sources]
    for path, sides in zip(sources, found, strict=True):
        if not sides:
            raise ResultError(f"{path}: no case in it; measure again")
    if sum(map(len, found)) < 2:
        raise ConfigError(f"{sources[0]} alone: compare takes two results or more, the base first")
    before: list[Side] = []
    return [[_marked(side, before) for side in sides] for sides in found]


def keys_of(across: Sequence[str]) -> list[str]:
    """The keys of cases in `across`."""
    return [key for key in across if key != BESIDE]


def pairs_on_one_device(sources: Sequence[Sequence[Side]]) -> list[Pair] | None:
    """Each side of the first result with its like in the others; None if no device is shared.

    A device that one of two results lacks is paired with a side without rows.
    Raises: ResultError where some devices are shared and others are not in the base, and for a
    result that has nothing like a side of the base.
    """
    base, *others = sources
    device = devices_among(side.environment for sides in sources for side in sides)
    held = [Counter(device(side.environment) for side in sides) for sides in sources]
    named = [set(found) for found in held]
    if all(found.isdisjoint(named[0]) for found in named[1:]):
        return None
    for sides, found in zip(others, named[1:], strict=True):
        if foreign := found - named[0]:
            raise ResultError(
                f"{_told(sides)} has {_listed(foreign)}, which {_told(base)} has not: not "
                "comparable case by case; compare results of the same devices, or lay all beside "
                f"each other with --across {BESIDE}"
            )
    twice = {one for found in held for one, n in found.items() if n > 1}

    def key(side: Side) -> tuple[Device, str]:
        """The device, and its place too where a result has several of a name."""
        name = device(side.environment)
        return name, side.device if name in twice else ""

    return [pair for other in others for pair in _pairs(base, other, key)]


def _pairs(
    base: Sequence[Side], other: Sequence[Side], key_of: Callable[[Side], tuple[Device, str]]
) -> Iterator[Pair]:
    mine, theirs = ({key_of(side): side for side in sides} for sides in (base, other))
    if mine.keys().isdisjoint(theirs):
        raise ResultError(
            f"{_told(other)} and {_told(base)} come from several devices of one name at other "
            "places: not comparable; measure one of them again"
        )
    for key, side in mine.items():
        yield side, theirs.get(key) or _without_rows(side, other)
    for key, side in theirs.items():
        if key not in mine:
            yield _without_rows(side, base), side


def _marked(side: Side, before: list[Side]) -> Side:
    """With the name of the first side of the same records; it is put to those before the next."""
    like = next((one.name for one in before if is_one_run(one, side)), "")
    before.append(side)
    return replace(side, same_run_as=like)


def _without_rows(like: Side, those: Sequence[Side]) -> Side:
    """What a result has of a side that it lacks."""
    name, board = _told(those), those[0].leaderboard
    return replace(like, name=name, leaderboard=board, rows=(), same_run_as="")


def _told(sides: Sequence[Side]) -> str:
    return ", ".join(side.name for side in sides)


def _listed(devices: set[Device]) -> str:
    return ", ".join(sorted(name for _, name in devices))
