"""Statistics of one metric's samples: order statistics, no distribution assumed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np


@dataclass(frozen=True, slots=True)
class Interval:
    """A closed interval in the unit of its samples."""

    low: float
    high: float

    def overlaps(self, other: "Interval") -> bool:
        """Whether the two intervals share a point."""
        return self.low <= other.high and other.low <= self.high


@lru_cache(maxsize=4096)
def _rank_of_lower_bound(n: int, confidence: float) -> int:
    """Largest r with P(Binomial(n, 1/2) < r) <= (1 - confidence) / 2; 0 if there is none."""
    tail = (1.0 - confidence) / 2.0
    log_half_n = -n * math.log(2.0)
    cumulative, r = 0.0, 0
    while r < n:
        cumulative += math.exp(
            math.lgamma(n + 1) - math.lgamma(r + 1) - math.lgamma(n - r + 1) + log_half_n
        )
        if cumulative > tail:
            break
        r += 1
    return r


def median_interval(samples: Sequence[float], confidence: float = 0.95) -> Interval | None:
    """Distribution-free interval of the median by order statistics; None if n is too small.

    Source: the binomial interval of a quantile (Conover 1999, section 3.2).
    """
    n = len(samples)
    r = _rank_of_lower_bound(n, confidence)
    if r == 0:
        return None
    ordered = np.sort(np.asarray(samples, dtype=float))
    return Interval(float(ordered[r - 1]), float(ordered[n - r]))


def quantile(samples: Sequence[float], q: float) -> float:
    """The q-quantile by linear interpolation."""
    return float(np.quantile(np.asarray(samples, dtype=float), q))
