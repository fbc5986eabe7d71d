"""What windows of an energy counter say, and how far to trust it. Torch-free."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from sabench.records import Flag
from sabench.stats import quantile

PLATEAU_C = 1.0  # a temperature that changes less stands still
AGREES = 0.05  # counter against integrated power
MOST_W = 20_000.0  # no board or package draws that: the counter jumped
STOOD_STILL = "the counter stood still"


class Validity(StrEnum):
    """How far an energy figure is to be trusted: the first that applies, the worst first."""

    UNAVAILABLE = "unavailable"  # no counter, or it went away: there is no figure
    INVALID = "invalid"  # it stood still, ran backwards or jumped: there is no figure
    DISAGREE = "disagree"  # it differs from integrated power by more than 5 %
    SHARED = "shared"  # it covers others' work too
    THERMAL_RAMP = "thermal_ramp"  # the temperature still changed in the last window
    VALID = "valid"


FLAG_OF = {
    Validity.INVALID: Flag.ENERGY_INVALID,
    Validity.DISAGREE: Flag.ENERGY_DISAGREE,
    Validity.SHARED: Flag.ENERGY_SHARED,
    Validity.THERMAL_RAMP: Flag.THERMAL_RAMP,
}


@dataclass(frozen=True, slots=True)
class Window:
    """Calls between two readings of the counter, the device idle at both."""

    calls: int
    seconds: float
    joules: float
    integral_j: float | None  # of power over the same span
    before_c: float | None
    after_c: float | None


@dataclass(frozen=True, slots=True)
class Energy:
    """What the windows say. Without a figure there are no windows, and `reason` is set."""

    validity: Validity
    flags: tuple[Flag, ...] = ()
    reason: str = ""
    windows: tuple[Window, ...] = ()
    period_s: float = 0.0  # between two steps of the counter
    idle_w: float = 0.0  # mean power of the device doing nothing
    others: str = ""
    power_reason: str = ""  # why there is no second reading, where there is none

    @classmethod
    def absent(cls, validity: Validity, reason: str) -> "Energy":
        """No figure, and why."""
        flag = FLAG_OF.get(validity)
        return cls(validity, (flag,) if flag else (), reason)


class InvalidError(Exception):
    """The counter told something that no device does."""


def check_step(joules: float, seconds: float) -> None:
    """Whether a counter may have moved so in that time.

    Raises: InvalidError if it stood still, ran backwards or jumped.
    """
    if joules == 0:
        raise InvalidError(STOOD_STILL)
    if joules < 0:
        raise InvalidError("the counter ran backwards")
    if joules > MOST_W * seconds:
        raise InvalidError("the counter jumped further than any device draws")


def integral(power: Sequence[tuple[float, float]], start: float, end: float) -> float | None:
    """Joules between two moments by the trapezoid rule; the outermost readings reach the edges.

    None with fewer than two readings in the span.
    """
    inside = [(at, watts) for at, watts in power if start <= at <= end and math.isfinite(watts)]
    if len(inside) < 2:
        return None
    points = [(start, inside[0][1]), *inside, (end, inside[-1][1])]
    return sum(
        (after - before) * (first + second) / 2
        for (before, first), (after, second) in pairwise(points)
    )


def flags_of(windows: Sequence[Window], others: str) -> tuple[Flag, ...]:
    """What speaks against a figure of these windows."""
    flags = []
    told = [(one.joules, one.integral_j) for one in windows if one.integral_j is not None]
    if told:
        counted = quantile([joules for joules, _ in told], 0.5)
        integrated = quantile([joules for _, joules in told], 0.5)
        if abs(counted - integrated) > AGREES * counted:
            flags.append(Flag.ENERGY_DISAGREE)
    if others:
        flags.append(Flag.ENERGY_SHARED)
    if changes(windows[-1].before_c, windows[-1].after_c):
        flags.append(Flag.THERMAL_RAMP)
    return tuple(flags)


def changes(before_c: float | None, after_c: float | None) -> bool:
    """Whether two temperatures differ by a degree; not where one is not told."""
    return before_c is not None and after_c is not None and abs(after_c - before_c) >= PLATEAU_C
