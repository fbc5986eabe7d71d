"""Kendall's tau-b of two orders of networks, with an interval by resampling the networks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

from sabench.stats import Interval, kendall_tau

DRAWS = 2000
SEED = 20260101
AT_ONCE = 100  # draws, for the memory's sake
LEAST = 5  # networks: below, an interval of tau tells nothing

Signs = NDArray[np.int8]
Values = NDArray[np.float64]
OfSeeds = Mapping[int, Sequence[float]]
"""Values of the same networks in one order, by seed."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Tau-b with its sign, and where it lies in 95 % of resamplings of the networks.

    `interval` is None below five networks, or where most resamplings are level.
    """

    tau: float
    networks: int
    interval: Interval | None


class Resampling:
    """Tau of many indicators over the same draws of the same networks, so that they pair."""

    def __init__(self, networks: int, draws: int = DRAWS, seed: int = SEED) -> None:
        self.networks = networks
        random = np.random.default_rng(seed)
        self._draws = random.integers(networks, size=(draws, networks))

    def taus(self, xs: Sequence[float], ys: Sequence[float]) -> Values:
        """Tau-b of each draw; NaN where one of the orders is level in it."""
        x, y = signs(xs), signs(ys)
        blocks = np.array_split(self._draws, max(1, len(self._draws) // AT_ONCE))
        return np.concatenate([_taus(x, y, block) for block in blocks])

    def agreement(self, xs: Sequence[float], ys: Sequence[float]) -> Agreement | None:
        """Of two orders of these networks; None where one of them is level."""
        found = kendall_tau(xs, ys)
        if found is None:
            return None
        interval = middle(self.taus(xs, ys)) if self.networks >= LEAST else None
        return Agreement(found.tau, self.networks, interval)

    def gain(
        self, xs: Sequence[float], others: Sequence[float], ys: Sequence[float]
    ) -> Interval | None:
        """Where tau(xs, ys) less tau(others, ys) lies in 95 % of the draws."""
        if self.networks < LEAST:
            return None
        return middle(self.taus(xs, ys) - self.taus(others, ys))


def seed_by_seed(xs: OfSeeds, ys: OfSeeds, *, share_seeds: bool = False) -> float | None:
    """The mean of tau over every seed of one against every seed of the other.

    With `share_seeds` a seed is not held against itself: one initialisation and order of samples
    would agree with itself as no two seeds of the ceiling do. None where there are no seeds or
    every pair is level.
    """
    pairs = product(xs.items(), ys.items())
    return _mean_tau((x, y) for (i, x), (j, y) in pairs if not (share_seeds and i == j))


def seed_ceiling(ys: OfSeeds) -> float | None:
    """The mean of tau over all pairs of seeds of one training: what a single seed of it reaches."""
    return _mean_tau(combinations(ys.values(), 2))


def signs(values: Sequence[float]) -> Signs:
    """Of every difference of two values."""
    array = np.asarray(values, dtype=float)
    found: Signs = np.sign(array[:, None] - array[None, :]).astype(np.int8)
    return found


def middle(values: Values) -> Interval | None:
    """Where 95 % of the values lie; None where most of them are none."""
    known = values[~np.isnan(values)]
    if len(known) * 2 < len(values):
        return None
    low, high = np.quantile(known, [0.025, 0.975])
    return Interval(float(low), float(high))


def _taus(x: Signs, y: Signs, draws: NDArray[np.int64]) -> Values:
    rows, columns = draws[:, :, None], draws[:, None, :]
    one, other = x[rows, columns], y[rows, columns]
    both = (one * other).sum(axis=(1, 2), dtype=np.int64)
    of = np.sqrt(_untied(one) * _untied(other))
    taus: Values = np.divide(both, of, out=np.full(len(draws), np.nan), where=of > 0)
    return taus


def _untied(differences: Signs) -> Values:
    counted: Values = np.abs(differences).sum(axis=(1, 2), dtype=np.float64)
    return counted


def _mean_tau(pairs: Iterable[Sequence[Sequence[float]]]) -> float | None:
    taus = [found.tau for x, y in pairs if (found := kendall_tau(x, y)) is not None]
    return sum(taus) / len(taus) if taus else None
