"""Order statistics against the binomial, worked out by hand, and against published tables."""

import random
from math import comb

import pytest

from sabench.errors import MeasurementError
from sabench.records import Statistics
from sabench.stats import (
    Interval,
    least_samples,
    mean_and_sd,
    median_interval,
    percentile,
    quantile,
)


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


def test_a_percentile_takes_as_many_samples_as_reach_beyond_it_with_99_percent() -> None:
    assert (least_samples(0.95), least_samples(0.99)) == (90, 459)
    for q in (0.5, 0.9, 0.95, 0.99, 0.999):
        n = least_samples(q)
        assert 1 - q**n >= 0.99 > 1 - q ** (n - 1)
        assert least_samples(1 - q) == n


def test_a_percentile_that_the_samples_cannot_tell_is_refused_in_words() -> None:
    samples = [float(value) for value in range(1, 91)]
    assert percentile(samples, 0.95) == pytest.approx(0.95 * 89 + 1)
    with pytest.raises(MeasurementError, match=r"95 % percentile takes 90 samples.* 89;"):
        percentile(samples[:-1], 0.95)
    with pytest.raises(MeasurementError, match="not between 0 and 1"):
        percentile(samples, 1.0)


@pytest.mark.parametrize(("n", "told"), [(89, (False, False)), (90, (True, False))])
def test_statistics_leave_out_percentiles_that_n_cannot_support(
    n: int, told: tuple[bool, bool]
) -> None:
    found = Statistics.of(tuple(float(value) for value in range(n)))
    assert (found.p95 is not None, found.p99 is not None) == told


def test_459_samples_tell_the_99th_percentile() -> None:
    assert Statistics.of(tuple(float(value) for value in range(458))).p99 is None
    assert Statistics.of(tuple(float(value) for value in range(459))).p99 == pytest.approx(453.42)


def test_mean_and_standard_deviation_are_those_of_the_sample() -> None:
    mean, sd = mean_and_sd([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0])
    assert (mean, sd) == (5.0, pytest.approx((32 / 7) ** 0.5))
    assert mean_and_sd([3.0]) == (3.0, None)


def test_samples_worth_fewer_have_a_wider_interval() -> None:
    samples = [float(value) for value in range(1, 101)]
    # 20 independent ones: ranks 6 and 15 of 20, stretched over 100
    assert median_interval(samples, count=20) == Interval(30.0, 71.0)
    assert median_interval(samples, count=100) == median_interval(samples)
    assert median_interval(samples, count=5) is None


def test_statistics_of_samples_that_stick_together_have_the_interval_of_fewer() -> None:
    """Ten levels, ten samples each: in turns, or held for ten samples in a row."""
    levels = (1.0, 9.0, 2.0, 8.0, 3.0, 7.0, 4.0, 6.0, 5.0, 10.0)
    turns = Statistics.of(levels * 10)
    held = tuple(level for level in levels for _ in range(10))
    found, older = Statistics.of(held), Statistics.of(held, as_independent=True)
    assert turns.effective == 100
    assert (turns.low, turns.high) == (older.low, older.high) == (4.0, 7.0)  # ranks 40 and 61
    assert found.effective is not None
    assert 10 <= found.effective <= 25
    assert found.low is not None
    assert found.low <= 3.0  # ranks 30 and 71 at the most: 6 and 15 of 20
    assert older.effective is None
