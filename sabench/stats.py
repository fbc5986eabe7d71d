"""Statistics of one metric's samples: order statistics, no distribution assumed."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from sabench.errors import MeasurementError

LAGS = 50  # how far samples are looked at for resemblance


@dataclass(frozen=True, slots=True)
class Interval:
    """A closed interval in the unit of its samples."""

    low: float
    high: float

    def overlaps(self, other: "Interval") -> bool:
        """Whether the two intervals share a point."""
        return self.low <= other.high and other.low <= self.high


def low_of(found: Collection[float]) -> float:
    """What all but one in eight are no less than: one of many that is low by chance, or two of
    sixteen, do not count, and it does not fall with their number as the least does.

    Raises: IndexError if there is none.
    """
    return sorted(found)[len(found) // 8]


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


def median_interval(
    samples: Sequence[float], confidence: float = 0.95, count: int | None = None
) -> Interval | None:
    """Distribution-free interval of the median by order statistics; None if n is too small.

    `count`: how many independent samples these are worth, where they are not independent.

    Source: the binomial interval of a quantile (Conover 1999, section 3.2).
    """
    n = len(samples)
    worth = n if count is None else min(count, n)
    r = _rank_of_lower_bound(worth, confidence)
    if r == 0:
        return None
    r = max(1, r * n // worth)
    ordered = np.sort(np.asarray(samples, dtype=float))
    return Interval(float(ordered[r - 1]), float(ordered[n - r]))


def effective_count(samples: Sequence[float]) -> int:
    """How many independent samples tell as much of the median as these do, in their order.

    The error of a median hangs on which samples lie above it. Where neighbours resemble each
    other in that, n over the integrated autocorrelation time of these signs; else n.
    Source: the initial positive sequence of Geyer 1992 (Statistical Science 7, 473).
    """
    values = np.asarray(samples, dtype=float)
    n = len(values)
    signs = np.sign(values - np.median(values))
    power = float((signs**2).sum())
    noise = 2.0 / math.sqrt(n)
    if n < 10 or power == 0.0:
        return n
    time = 1.0
    for lag in range(1, min(LAGS, n // 2)):
        resemblance = float((signs[lag:] * signs[:-lag]).sum()) / power
        if resemblance < noise:
            break
        time += 2.0 * resemblance
    return max(1, int(n / time))


SURE = 0.99
"""How surely the largest sample must reach a percentile for the percentile to be told."""


def least_samples(q: float) -> int:
    """How many samples can tell the q-quantile: one lies beyond it with 99 %.

    90 for the 95th percentile, 459 for the 99th.
    """
    return math.ceil(math.log(1.0 - SURE) / math.log(max(q, 1.0 - q)))


def percentile(samples: Sequence[float], q: float) -> float:
    """The q-quantile, where there are samples enough to tell it.

    Raises: MeasurementError with how many it takes.
    """
    if not 0.0 < q < 1.0:
        raise MeasurementError(f"quantile {q} is not between 0 and 1")
    if len(samples) < least_samples(q):
        raise MeasurementError(
            f"the {100 * q:g} % percentile takes {least_samples(q)} samples, "
            f"and there are {len(samples)}; read the quartiles, or measure longer"
        )
    return quantile(samples, q)


def quantile(samples: Sequence[float], q: float) -> float:
    """The q-quantile by linear interpolation."""
    return float(np.quantile(np.asarray(samples, dtype=float), q))


@lru_cache(maxsize=4096)
def t_quantile(probability: float, degrees: float) -> float:
    """The t below which that share of Student's distribution lies; degrees need not be whole.

    Raises: MeasurementError outside 0 < probability < 1, or without degrees of freedom.
    """
    from scipy.special import stdtrit  # 0.2 s: only what needs a quantile pays for it

    if not 0.0 < probability < 1.0 or degrees <= 0.0:
        raise MeasurementError(f"t quantile of {probability} at {degrees} degrees of freedom")
    return float(stdtrit(degrees, probability))


def mean_and_sd(samples: Sequence[float]) -> tuple[float, float | None]:
    """The mean, and the standard deviation with n - 1; None for a single sample."""
    values = np.asarray(samples, dtype=float)
    return float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else None


@dataclass(frozen=True, slots=True)
class RankAgreement:
    """Kendall's tau-b of two rankings of the same n things, and its 95 % interval.

    `concordant` and `discordant` count the pairs that both rankings order, alike or not.
    """

    tau: float
    n: int
    concordant: int
    discordant: int
    interval: Interval | None  # None below five things


def kendall_tau(xs: Sequence[float], ys: Sequence[float]) -> RankAgreement | None:
    """How far two rankings of the same things agree; None where one of them is constant.

    Source: Kendall 1945 (Biometrika 33, 239): pairs tied in one ranking shorten that ranking.
    """
    if len(xs) != len(ys):
        raise MeasurementError(f"{len(xs)} values cannot be ranked against {len(ys)}")
    x, y = (np.unique(np.asarray(side, float), return_inverse=True)[1] for side in (xs, ys))
    concordant = discordant = untied_x = untied_y = 0
    for i in range(len(x) - 1):
        first, second = np.sign(x[i + 1 :] - x[i]), np.sign(y[i + 1 :] - y[i])
        concordant += int((first * second > 0).sum())
        discordant += int((first * second < 0).sum())
        untied_x += int((first != 0).sum())
        untied_y += int((second != 0).sum())
    if not untied_x or not untied_y:
        return None
    tau = (concordant - discordant) / math.sqrt(untied_x * untied_y)
    return RankAgreement(tau, len(x), concordant, discordant, tau_interval(tau, len(x)))


def tau_interval(tau: float, n: int) -> Interval | None:
    """The 95 % interval of Kendall's tau over n things; None below five.

    artanh(tau) is nearly normal with variance 0.437 / (n - 4); half the step between two values of
    tau is allowed for on each side. Wide for small n: 0.6 of ten is 0.13..0.85.
    Source: Fieller, Hartley and Pearson 1957 (Biometrika 44, 470), for things drawn at random.
    """
    if n < 5:
        return None
    half, step = 1.96 * math.sqrt(0.437 / (n - 4)), 2.0 / (n * (n - 1))
    low, high = tau - step, tau + step
    return Interval(
        math.tanh(math.atanh(low) - half) if low > -1.0 else -1.0,
        math.tanh(math.atanh(high) + half) if high < 1.0 else 1.0,
    )
