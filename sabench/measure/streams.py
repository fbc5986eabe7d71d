"""The shape of a stream of samples: outliers, two modes, a drift. Nothing is dropped."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sabench.stats import effective_count, quantile

MILD = 1.5  # interquartile ranges beyond the quartiles (Tukey)
SEVERE = 3.0
FAR = 14.8  # median absolute deviations from the median; hyperfine's limit of 14.826
SPLIT_GAIN = 0.80  # share of the variance that a split into two groups must explain
SPLIT_MARGIN = 2.0  # over n, added: few samples of one mode split well by chance
LEAST_MODE = 0.15  # share of the samples in the smaller group
DRIFT_Z = 2.58  # two-sided 1 % of Spearman's rank correlation with the order


@dataclass(frozen=True, slots=True)
class Outliers:
    """How many samples lie how far out. They are counted, never dropped."""

    mild: int
    severe: int
    far: int
    first_is_slow: bool

    @classmethod
    def of(cls, samples: Sequence[float]) -> "Outliers":
        """Counts over at least one sample; a severe one is not counted as mild too."""
        values = np.asarray(samples, dtype=float)
        q1, middle, q3 = (quantile(samples, q) for q in (0.25, 0.5, 0.75))
        beyond = np.maximum(q1 - values, values - q3)
        severe = beyond > SEVERE * (q3 - q1)
        mild = (beyond > MILD * (q3 - q1)) & ~severe
        apart = np.abs(values - middle)
        deviation = quantile(apart.tolist(), 0.5)
        return cls(
            mild=int(mild.sum()),
            severe=int(severe.sum()),
            far=int((apart > FAR * deviation).sum()) if deviation else 0,
            first_is_slow=bool(severe[0] and values[0] > q3),
        )


def is_bimodal(samples: Sequence[float], matters: float) -> bool:
    """Whether the samples fall into two groups whose means differ by more than a share `matters`.

    The best split of the sorted samples must explain more than 80 % of their variance (a normal
    distribution's explains 64 %, a uniform one's 75 %), and a little more where they are few.
    """
    ordered = np.sort(np.asarray(samples, dtype=float))
    n = len(ordered)
    middle = float(np.median(ordered))
    total = float(((ordered - ordered.mean()) ** 2).sum())
    if n < 2 or total <= 0.0 or middle <= 0.0:
        return False
    sums = np.cumsum(ordered - ordered.mean())[:-1]
    lower = np.arange(1, n)
    between = sums**2 * n / (lower * (n - lower))
    best = int(between.argmax())
    size = best + 1
    gap = float(ordered[size:].mean() - ordered[:size].mean())
    return (
        between[best] > (SPLIT_GAIN + SPLIT_MARGIN / n) * total
        and min(size, n - size) >= LEAST_MODE * n
        and gap > matters * middle
    )


def drifts(samples: Sequence[float], matters: float) -> bool:
    """Whether the samples rise or fall with their order, by more than a share `matters`.

    Told from noise by Spearman's rank correlation at 1 %, where samples that resemble each other
    beside the trend (a line or one step) count for fewer; and from what does not matter by the
    rise from end to end: the medians of the outer thirds lie two thirds of it apart.
    """
    values = np.asarray(samples, dtype=float)
    n = len(values)
    if n < 6:
        return False
    first, last = float(np.median(values[: n // 3])), float(np.median(values[-(n // 3) :]))
    if 1.5 * abs(last - first) <= matters * float(np.median(values)):
        return False
    ranks = _ranks(values) - (n - 1) / 2
    spread = float(ranks.std())
    if spread == 0.0:
        return False
    order = np.arange(n) - (n - 1) / 2
    correlation = float((ranks * order).mean()) / (spread * float(order.std()))
    line = correlation * spread / float(order.std()) * order
    beside = min((ranks - line, ranks - _step(ranks)), key=np.var).round(6)  # rounding is no shape
    return abs(correlation) * math.sqrt(effective_count(beside.tolist()) - 1) > DRIFT_Z


def _step(ranks: NDArray[np.float64]) -> NDArray[np.float64]:
    """The single step in time that lies nearest to centred ranks."""
    n = len(ranks)
    before = np.arange(1, n)
    sums = np.cumsum(ranks)[:-1]
    at = int((sums**2 * n / (before * (n - before))).argmax())
    step: NDArray[np.float64] = np.where(
        np.arange(n) <= at, sums[at] / (at + 1), -sums[at] / (n - at - 1)
    )
    return step


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 0; equal values share the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    shared: NDArray[np.float64] = ((ends - counts + ends - 1) / 2.0)[inverse]
    return shared
