"""Which pairs of networks an indicator decides, and how many of them it decides right."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import sqrt
from statistics import fmean, stdev

from sabench.compare.trust.indicators import Indicator
from sabench.stats import t_quantile


@dataclass(frozen=True, slots=True)
class Decisions:
    """Of `pairs` of networks: decided by the indicator, by the truth, by both, and by both alike.

    Decided by trainings: the 95 % interval of the mean difference, seed by seed, leaves out zero
    (Student's t; no correction for there being many pairs), so that a single seed decides nothing.
    By what has no seeds: whatever differs.
    """

    pairs: int
    decided: int
    truly: int
    both: int
    right: int


def decisions(indicator: Indicator, truth: Indicator, networks: Sequence[str]) -> Decisions:
    """Over all pairs of some networks that both have values of."""

    def of(one: Indicator, a: str, b: str) -> int:
        return verdict(one.values[a], one.values[b], needs_seeds=one.is_trained)

    told = [(of(indicator, *pair), of(truth, *pair)) for pair in combinations(networks, 2)]
    both = [(mine, true) for mine, true in told if mine and true]
    return Decisions(
        pairs=len(told),
        decided=sum(mine != 0 for mine, _ in told),
        truly=sum(true != 0 for _, true in told),
        both=len(both),
        right=sum(mine == true for mine, true in both),
    )


def verdict(one: Sequence[float], other: Sequence[float], *, needs_seeds: bool = False) -> int:
    """1 if one is surely more than the other, -1 if surely less, 0 if that cannot be told."""
    differences = [a - b for a, b in zip(one, other, strict=False)]
    if needs_seeds and len(differences) < 2:
        return 0
    middle = fmean(differences)
    if len(differences) > 1:
        half = t_quantile(0.975, len(differences) - 1) * stdev(differences)
        if abs(middle) <= half / sqrt(len(differences)):
            return 0
    return (middle > 0) - (middle < 0)
