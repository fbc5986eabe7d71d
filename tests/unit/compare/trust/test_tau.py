"""Rank agreement and its interval, against scipy, a naive resampling and cases worked by hand."""

import math
import random
from itertools import combinations

import numpy as np
import pytest
from scipy.stats import kendalltau

from sabench.compare.trust.agreement import (
    SEED,
    Resampling,
    middle,
    seed_by_seed,
    seed_ceiling,
)

THREE_SEEDS = {0: (1.0, 2.0, 3.0), 1: (1.0, 3.0, 2.0), 2: (2.0, 1.0, 3.0)}


def correlated(n: int, rho: float, order: random.Random) -> tuple[list[float], list[float]]:
    """Draws of a normal pair with this correlation; its tau is 2/pi asin(rho) (Greiner 1909)."""
    xs = [order.gauss(0, 1) for _ in range(n)]
    ys = [rho * x + math.sqrt(1 - rho**2) * order.gauss(0, 1) for x in xs]
    return xs, ys


@pytest.mark.parametrize("ties", [False, True])
def test_the_tau_of_every_draw_is_that_of_the_networks_drawn(ties: bool) -> None:
    xs, ys = correlated(12, 0.7, random.Random(1))
    if ties:
        xs, ys = [round(x) for x in xs], [round(y) for y in ys]
    found = Resampling(12, draws=150).taus(xs, ys)
    for draw, tau in zip(
        np.random.default_rng(SEED).integers(12, size=(150, 12)), found, strict=True
    ):
        oracle = kendalltau([xs[i] for i in draw], [ys[i] for i in draw]).statistic
        assert tau == pytest.approx(oracle, nan_ok=True)


def test_erratum_10_the_sign_is_kept() -> None:
    """Absolute values make a score of the wrong sign look good."""
    xs, ys = correlated(20, 0.8, random.Random(2))
    resampling = Resampling(20)
    right, wrong = resampling.agreement(xs, ys), resampling.agreement([-x for x in xs], ys)
    assert right is not None
    assert wrong is not None
    assert right.interval is not None
    assert wrong.interval is not None
    assert wrong.tau == -right.tau < 0.0
    assert wrong.interval.high == pytest.approx(-right.interval.low)
    assert wrong.interval.high < 0.0


def test_erratum_10_a_share_of_pairs_ranked_right_is_no_correlation() -> None:
    """A share of 0.817 of ordered pairs is a tau of 0.634, not 0.817."""
    xs, ys = correlated(60, 0.83, random.Random(3))
    pairs = list(combinations(range(60), 2))
    right = sum((xs[i] - xs[j]) * (ys[i] - ys[j]) > 0 for i, j in pairs) / len(pairs)
    found = Resampling(60, draws=10).agreement(xs, ys)
    assert found is not None
    assert found.tau == pytest.approx(2 * right - 1)
    assert found.tau < right - 0.1


def test_the_interval_holds_the_true_tau_about_as_often_as_it_says() -> None:
    order, rho, held = random.Random(4), 0.8, 0
    for _ in range(200):
        found = Resampling(24, draws=300).agreement(*correlated(24, rho, order))
        assert found is not None
        assert found.interval is not None
        held += found.interval.low <= 2 / math.pi * math.asin(rho) <= found.interval.high
    assert held >= 180  # 95 % in the long run; a bootstrap of 24 networks is a little narrow


def test_level_values_have_no_order_and_few_networks_no_interval() -> None:
    assert Resampling(6).agreement([1.0] * 6, [1, 2, 3, 4, 5, 6]) is None
    few = Resampling(4).agreement([1, 2, 3, 4], [1, 2, 4, 3])
    assert few is not None
    assert (few.tau, few.networks, few.interval) == (pytest.approx(2 / 3), 4, None)


def test_a_gain_over_itself_is_nothing_and_over_its_contrary_sure() -> None:
    xs, ys = correlated(24, 0.9, random.Random(5))
    resampling = Resampling(24)
    itself = resampling.gain(xs, xs, ys)
    contrary = resampling.gain(xs, [-x for x in xs], ys)
    assert itself is not None
    assert contrary is not None
    assert (itself.low, itself.high) == (0.0, 0.0)
    assert contrary.low > 0.5


def test_paired_draws_tell_a_small_gain_that_two_intervals_could_not() -> None:
    """Both see the same networks: what makes a draw hard is hard for both."""
    xs, ys = correlated(40, 0.75, random.Random(6))
    worse = [x + 0.35 * random.Random(i).gauss(0, 1) for i, x in enumerate(xs)]
    resampling = Resampling(40)
    one, other = resampling.agreement(xs, ys), resampling.agreement(worse, ys)
    gain = resampling.gain(xs, worse, ys)
    assert one
    assert other
    assert gain
    assert one.interval
    assert other.interval
    assert one.interval.low < other.interval.high
    unpaired = (one.interval.high - one.interval.low) + (other.interval.high - other.interval.low)
    assert gain.high - gain.low < 0.75 * unpaired


def test_the_seed_ceiling_is_the_mean_over_pairs_of_seeds() -> None:
    # seeds order the networks 123, 132, 213: taus 1/3 (1,2), 1/3 (1,3), -1/3 (2,3)
    assert seed_ceiling(THREE_SEEDS) == pytest.approx(1 / 9)
    assert seed_ceiling({0: (1.0, 2.0, 3.0)}) is None


def test_seed_by_seed_takes_every_seed_of_one_against_every_seed_of_the_other() -> None:
    one = {0: (1.0, 2.0, 3.0), 1: (2.0, 3.0, 1.0)}
    assert seed_by_seed(one, {0: (1.0, 2.0, 3.0)}) == pytest.approx((1.0 - 1 / 3) / 2)
    assert seed_by_seed({}, {}) is None


def test_a_seed_that_both_share_is_not_held_against_itself() -> None:
    """A proxy with the truth's own values agrees with it as well as its seeds do, not better."""
    shared = seed_by_seed(THREE_SEEDS, THREE_SEEDS, share_seeds=True)
    assert shared == pytest.approx(seed_ceiling(THREE_SEEDS))
    apart = seed_by_seed(THREE_SEEDS, THREE_SEEDS)
    assert apart is not None
    assert apart > 1 / 9


def test_an_interval_leaves_out_a_fortieth_of_the_draws_on_either_side() -> None:
    found = middle(np.random.default_rng(7).permutation(np.linspace(-1.0, 1.0, 2001)))
    assert found is not None
    assert (found.low, found.high) == pytest.approx((-0.95, 0.95))


def test_draws_without_an_order_do_not_count_until_most_are() -> None:
    nan = math.nan
    some = middle(np.array([0.5, 0.5, nan, 0.5]))
    assert some is not None
    assert (some.low, some.high) == (0.5, 0.5)
    assert middle(np.array([0.5, nan, nan])) is None
