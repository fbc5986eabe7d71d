"""Order statistics against the binomial, worked out by hand, and against published tables."""

import random
from math import comb

import pytest

from sabench.stats import Interval, median_interval, quantile


def coverage(n: int, rank: int) -> float:
    """Exact coverage of [x_rank, x_(n+1-rank)] for a continuous median."""
    return 1 - 2 * sum(comb(n, k) for k in range(rank)) / 2**n


@pytest.mark.parametrize(("n", "rank"), [(6, 1), (9, 2), (10, 2), (20, 6), (30, 10), (100, 40)])
def test_the_interval_is_the_narrowest_with_95_percent(n: int, rank: int) -> None:
    samples = [float(value) for value in range(1, n + 1)]
    assert median_interval(samples) == Interval(float(rank), float(n + 1 - rank))
    assert coverage(n, rank) >= 0.95 > coverage(n, rank + 1)


def test_five_samples_are_too_few_for_95_percent() -> None:
    assert median_interval([1.0, 2.0, 3.0, 4.0, 5.0]) is None


def test_samples_need_no_order() -> None:
    samples = [float(value) for value in range(1, 31)]
    shuffled = samples[:]
    random.Random(0).shuffle(shuffled)
    assert median_interval(shuffled) == median_interval(samples)


def test_constant_samples_have_width_zero() -> None:
    assert median_interval([2.0] * 10) == Interval(2.0, 2.0)


def test_coverage_of_a_heavy_tail_is_near_95_percent() -> None:
    draw = random.Random(1)
    hits = 0
    for _ in range(2000):
        found = median_interval([draw.paretovariate(1.5) for _ in range(40)])
        assert found is not None
        hits += found.low <= 2 ** (1 / 1.5) <= found.high
    assert hits / 2000 > 0.93


def test_quantiles_interpolate() -> None:
    assert quantile([1.0, 2.0, 3.0, 4.0], 0.25) == 1.75


def test_intervals_that_touch_overlap() -> None:
    assert Interval(1.0, 2.0).overlaps(Interval(2.0, 3.0))
    assert not Interval(1.0, 2.0).overlaps(Interval(2.1, 3.0))
