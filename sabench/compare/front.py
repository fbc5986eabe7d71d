"""The Pareto front of figures that are only known to an interval."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sabench.stats import Interval


class Standing(StrEnum):
    """Where a thing stands that wants little of every cost."""

    FRONT = "front"  # none has less of one cost and no more of the others, by the medians
    UNDECIDED = "undecided"  # one has, by the medians; the intervals do not bear it out
    BEHIND = "behind"  # one surely has


@dataclass(frozen=True, slots=True)
class Cost:
    """A median and its interval; whether that tells where another measurement would lie.

    The range of a few processes does not, nor does an interval within one: nothing is sure then.
    """

    median: float
    interval: Interval
    is_known: bool = True


def standings(things: Sequence[Sequence[Cost]]) -> list[Standing]:
    """Of each thing, by its costs: less of each is better.

    One is surely behind another that has less of every cost in which they differ, the intervals
    apart. Where any cost is not told apart, or its interval tells nothing, nothing is sure.
    """
    found: list[Standing] = []
    for mine in things:
        others = [other for other in things if _is_ahead(other, mine)]
        if not others:
            found.append(Standing.FRONT)
        elif any(_is_surely_ahead(other, mine) for other in others):
            found.append(Standing.BEHIND)
        else:
            found.append(Standing.UNDECIDED)
    return found


def _is_ahead(other: Sequence[Cost], mine: Sequence[Cost]) -> bool:
    pairs = [(theirs.median, own.median) for theirs, own in zip(other, mine, strict=True)]
    return all(theirs <= own for theirs, own in pairs) and any(
        theirs < own for theirs, own in pairs
    )


def _is_surely_ahead(other: Sequence[Cost], mine: Sequence[Cost]) -> bool:
    return all(
        (theirs.is_known and own.is_known)
        and (theirs.interval.high < own.interval.low or _is_exactly(theirs, own))
        for theirs, own in zip(other, mine, strict=True)
    )


def _is_exactly(one: Cost, other: Cost) -> bool:
    """The same count, told without noise."""
    return one == other and one.interval.low == one.interval.high
