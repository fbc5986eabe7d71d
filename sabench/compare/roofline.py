"""The roofline of a device, as high as any case has been seen to reach.

Source: Williams, Waterman and Patterson 2009 (Communications of the ACM 52 (4), 65).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sabench.cases.case import Case
from sabench.cases.cost import case_cost
from sabench.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Work:
    """One call of a case: what is done, what is moved at least, and how long it takes.

    `moved` is the closed form of a case's traffic: every map in and out once.
    """

    flops: float
    moved: float
    seconds: float

    @property
    def intensity(self) -> float:
        """FLOPs for each byte."""
        return self.flops / self.moved

    @property
    def rate(self) -> float:
        """FLOPs a second."""
        return self.flops / self.seconds

    @property
    def traffic(self) -> float:
        """Bytes a second."""
        return self.moved / self.seconds


@dataclass(frozen=True, slots=True)
class Roof:
    """The most FLOPs and the most bytes a second of any case: the true roof is no lower."""

    flops_per_s: float
    bytes_per_s: float

    def at(self, intensity: float) -> float:
        """The most FLOPs a second at so many FLOPs a byte."""
        return min(self.flops_per_s, self.bytes_per_s * intensity)

    @property
    def ridge(self) -> float:
        """The FLOPs a byte from which on arithmetic is what limits."""
        return self.flops_per_s / self.bytes_per_s


def work_of(case: Case, seconds: float) -> Work | None:
    """What a case does in one call; None where nothing tells in closed form, or no number can."""
    try:
        cost = case_cost(case)
        if cost is None:
            return None
        flops, moved = 2.0 * cost.macs_executed * cost.passes * case.batch, float(cost.bytes)
    except (ConfigError, ValueError, ArithmeticError):  # of a later version, or absurd
        return None
    if min(flops, moved, seconds) <= 0.0:
        return None
    work = Work(flops, moved, seconds)
    told = (work.flops, work.moved, work.intensity, work.rate, work.traffic)
    return work if all(0.0 < one < math.inf for one in told) else None


def roof_of(works: Sequence[Work]) -> Roof:
    """The roof over some work, at least one."""
    return Roof(max(work.rate for work in works), max(work.traffic for work in works))
