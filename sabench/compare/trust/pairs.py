"""Which pairs of networks an indicator decides, and how many of them it decides right."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import fsum, sqrt
from statistics import fmean, variance

from sabench.compare.trust.indicators import Indicator
from sabench.stats import t_quantile


@dataclass(frozen=True, slots=True)
class Decisions:
    """Of `pairs` of networks: decided by the indicator, by the truth, by both, and by both alike.

    Decided by trainings and scores: the 95 % interval of the mean difference, seed by seed, leaves
    out zero (Student's t; no correction for there being many pairs), so that a single seed decides
    nothing.
    By processes: Welch's interval does. By what has neither: whatever differs.
    """

    pairs: int
    decided: int
    truly: int
    both: int
    right: int


@dataclass(frozen=True, slots=True)
class Pair:
    """Two networks that an indicator tells apart: `more` has surely more of it than `less`.

    `by`: the difference of the means over the seeds that both have. `truly`: 1 where the truth
    decides alike, -1 where it does the other way round, 0 where it cannot tell.
    """

    more: str
    less: str
    by: float
    truly: int


def decided_pairs(
    indicator: Indicator, truth: Indicator, networks: Sequence[str]
) -> tuple[Pair, ...]:
    """The pairs of some networks that an indicator decides, the widest apart first."""
    found = []
    for pair in combinations([key for key in networks if key in indicator.values], 2):
        if mine := decided(indicator, *pair):
            more, less = pair if mine > 0 else pair[::-1]
            high, low = (fmean(values) for values in compared(indicator, more, less))
            found.append(Pair(more, less, high - low, decided(truth, more, less)))
    return tuple(sorted(found, key=lambda pair: -pair.by))


def decisions(indicator: Indicator, truth: Indicator, networks: Sequence[str]) -> Decisions:
    """Over all pairs of some networks that both have values of."""

    pairs = combinations(networks, 2)
    told = [(decided(indicator, *pair), decided(truth, *pair)) for pair in pairs]
    both = [(mine, true) for mine, true in told if mine and true]
    return Decisions(
        pairs=len(told),
        decided=sum(mine != 0 for mine, _ in told),
        truly=sum(true != 0 for _, true in told),
        both=len(both),
        right=sum(mine == true for mine, true in both),
    )


def decided(one: Indicator, a: str, b: str) -> int:
    """1 if network a is surely the one with more, -1 if b is, 0 if the indicator cannot tell."""
    first, second = compared(one, a, b)
    return verdict(first, second) if one.is_drawn else apart(first, second)


def compared(one: Indicator, a: str, b: str) -> tuple[Sequence[float], Sequence[float]]:
    """The values by which two networks are told apart: of the seeds that both have, if any."""
    if not one.is_drawn:
        return one.values[a], one.values[b]
    of_a, of_b = one.by_seed(a), one.by_seed(b)
    common = [seed for seed in of_a if seed in of_b]
    return [of_a[seed] for seed in common], [of_b[seed] for seed in common]


def apart(one: Sequence[float], other: Sequence[float]) -> int:
    """The same of processes, which do not pair: Welch's interval of the difference of the means.

    Of single values: whatever differs.
    """
    middle = fmean(one) - fmean(other)
    if min(len(one), len(other)) > 1:
        shares = [variance(values) / len(values) for values in (one, other)]
        if (error := sum(shares)) > 0:
            sizes = zip(shares, (one, other), strict=True)
            degrees = error**2 / sum(share**2 / (len(values) - 1) for share, values in sizes)
            if abs(middle) <= t_quantile(0.975, degrees) * sqrt(error):
                return 0
    return (middle > 0) - (middle < 0)


def verdict(one: Sequence[float], other: Sequence[float]) -> int:
    """1 if one is surely more than the other, -1 if surely less, 0 if that cannot be told: not of a
    single seed."""
    differences = [a - b for a, b in zip(one, other, strict=True)]
    if len(differences) < 2:
        return 0
    middle = fmean(differences)
    degrees = len(differences) - 1
    deviation = sqrt(fsum((value - middle) ** 2 for value in differences) / degrees)
    half = t_quantile(0.975, degrees) * deviation
    if abs(middle) <= half / sqrt(len(differences)):
        return 0
    return (middle > 0) - (middle < 0)
