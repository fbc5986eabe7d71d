"""Where MACs mislead: how much slower or faster a case is than its MACs say."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sabench.stats import quantile


@dataclass(frozen=True, slots=True)
class Expectation:
    """Seconds in proportion to MACs, at the median rate of the cases."""

    macs_per_s: float

    def seconds(self, macs: float) -> float:
        """What the MACs say."""
        return macs / self.macs_per_s

    def residual(self, macs: float, seconds: float) -> float:
        """Time over what the MACs say: 2 is twice as slow, 0.5 twice as fast."""
        return seconds / self.seconds(macs)


def expectation(cases: Sequence[tuple[float, float]]) -> Expectation | None:
    """From the (MACs, seconds) of some cases; None below two. No slope is fitted: twice the MACs
    are to take twice the time, which is what a count promises."""
    if len(cases) < 2:
        return None
    rates = [math.log(macs / seconds) for macs, seconds in cases]
    return Expectation(math.exp(quantile(rates, 0.5)))
