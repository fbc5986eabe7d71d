"""The spread of a case's samples: between its processes, within them, and both resampled."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sabench.records import Statistics
from sabench.stats import Interval

PROCESSES_FOR_BOOTSTRAP = 10
RESAMPLES = 5000
SEED = 20_170_611  # any: it only makes the interval the same each time


@dataclass(frozen=True, slots=True)
class Spread:
    """How samples vary within a process, and what share of their variance lies between them."""

    in_process_sd: float | None = None  # pooled over the processes
    icc: float | None = None  # 0: a process tells all; 1: its samples tell nothing new


def spread_of(processes: Sequence[Statistics]) -> Spread:
    """From each process's n, mean and standard deviation; None where they are not told.

    Source: one-way analysis of variance, ICC(1) (Shrout and Fleiss 1979), groups of unequal size.
    """
    told = [(p.n, p.mean, p.sd) for p in processes if p.mean is not None and p.sd is not None]
    groups = [(n, mean, sd) for n, mean, sd in told if mean is not None and sd is not None]
    if not groups or len(groups) < len(processes):
        return Spread()
    total, count = sum(n for n, _, _ in groups), len(groups)
    within = sum((n - 1) * sd**2 for n, _, sd in groups) / (total - count)
    if count < 2:
        return Spread(in_process_sd=math.sqrt(within))
    grand = sum(n * mean for n, mean, _ in groups) / total
    between = sum(n * (mean - grand) ** 2 for n, mean, _ in groups) / (count - 1)
    size = (total - sum(n**2 for n, _, _ in groups) / total) / (count - 1)
    component = max(0.0, (between - within) / size)
    variance = component + within
    return Spread(math.sqrt(within), component / variance if variance > 0.0 else None)


def hierarchical_bootstrap(processes: Sequence[Sequence[float]]) -> Interval:
    """95 % percentile interval of the median of process medians: processes, then samples, drawn.

    Not one sample is drawn: the k-th of n uniform draws follows Beta(k, n + 1 - k), and the sample
    at its place in the sorted samples is the k-th of a resample.
    """
    random = np.random.default_rng(SEED)
    ordered = [np.sort(np.asarray(samples, dtype=float)) for samples in processes]
    count = len(ordered)
    chosen = random.integers(count, size=(RESAMPLES, count))
    medians = np.empty((RESAMPLES, count))
    for place, samples in enumerate(ordered):
        drawn = chosen == place
        medians[drawn] = _resampled_medians(samples, int(drawn.sum()), random)
    low, high = np.quantile(np.median(medians, axis=1), [0.025, 0.975])
    return Interval(float(low), float(high))


def _resampled_medians(
    ordered: NDArray[np.float64], times: int, random: np.random.Generator
) -> NDArray[np.float64]:
    """Medians of resamples of the same size."""
    n = len(ordered)
    k = (n + 1) // 2
    lower = random.beta(k, n + 1 - k, size=times)
    found: NDArray[np.float64] = ordered[_places(lower, n)]
    if n % 2 == 0:  # the next draw up: the least of n - k uniform ones above it
        upper = lower + (1.0 - lower) * random.beta(1, n - k, size=times)
        found = (found + ordered[_places(upper, n)]) / 2.0
    return found


def _places(uniform: NDArray[np.float64], n: int) -> NDArray[np.int64]:
    return np.minimum((uniform * n).astype(np.int64), n - 1)
