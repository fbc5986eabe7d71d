"""Kendall's tau-b: worked out by hand, against a naive count of pairs, and how sure it is."""

import math
import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sabench.errors import MeasurementError
from sabench.stats import Interval, kendall_tau, tau_interval

few = st.integers(min_value=-3, max_value=3).map(float)  # many ties
any_number = st.floats(allow_nan=False, allow_infinity=False)
pairs = st.lists(st.tuples(few, few) | st.tuples(any_number, any_number), max_size=12)


def naive(xs: Sequence[float], ys: Sequence[float]) -> float | None:
    """Tau-b from its definition, one pair after the other."""
    agree = differ = only_x = only_y = 0
    for i in range(len(xs)):
        for j in range(i):
            if xs[i] == xs[j] and ys[i] == ys[j]:
                continue
            if xs[i] == xs[j]:
                only_y += 1
            elif ys[i] == ys[j]:
                only_x += 1
            elif (xs[i] < xs[j]) == (ys[i] < ys[j]):
                agree += 1
            else:
                differ += 1
    scale = math.sqrt((agree + differ + only_x) * (agree + differ + only_y))
    return (agree - differ) / scale if scale else None


@given(pairs)
def test_it_is_the_naive_count_over_all_pairs(values: list[tuple[float, float]]) -> None:
    xs, ys = [x for x, _ in values], [y for _, y in values]
    found, wanted = kendall_tau(xs, ys), naive(xs, ys)
    assert (found is None) == (wanted is None)
    if found is not None and wanted is not None:
        assert found.tau == pytest.approx(wanted)
        assert found.n == len(values)


@given(pairs)
def test_turning_one_ranking_round_turns_the_sign_and_swapping_changes_nothing(
    values: list[tuple[float, float]],
) -> None:
    xs, ys = [x for x, _ in values], [y for _, y in values]
    found = kendall_tau(xs, ys)
    turned, swapped = kendall_tau([-x for x in xs], ys), kendall_tau(ys, xs)
    if found is None:
        assert turned is None
        assert swapped is None
        return
    assert turned is not None
    assert swapped is not None
    assert turned.tau == pytest.approx(-found.tau)
    assert swapped == found


@pytest.mark.parametrize(
    ("xs", "ys", "tau", "concordant", "discordant"),
    [
        ([1, 2, 3, 4], [1, 2, 3, 4], 1.0, 6, 0),
        ([1, 2, 3, 4], [4, 3, 2, 1], -1.0, 0, 6),
        ([1, 2, 3, 4], [1, 3, 2, 4], 4 / 6, 5, 1),
        # x is tied in one pair, y in another: 3 of 4 orderings agree, over sqrt(5 x 5)
        ([1, 1, 2, 3], [1, 2, 2, 3], 4 / 5, 4, 0),
        # both tied in the same pair: 5 pairs are left on both sides
        ([1, 1, 2, 3], [5, 5, 7, 6], 3 / 5, 4, 1),
        # published FLOPs come rounded: 7.0 7.0 7.0 8.2 against four latencies; 3 of 6 are untied
        ([7.0, 7.0, 7.0, 8.2], [0.3, 0.2, 0.4, 0.5], 3 / math.sqrt(3 * 6), 3, 0),
    ],
)
def test_tau_worked_out_by_hand(
    xs: list[float], ys: list[float], tau: float, concordant: int, discordant: int
) -> None:
    found = kendall_tau(xs, ys)
    assert found is not None
    assert found.tau == pytest.approx(tau)
    assert (found.concordant, found.discordant) == (concordant, discordant)


@pytest.mark.parametrize(
    ("xs", "ys"), [([], []), ([1.0], [1.0]), ([1, 1, 1], [1, 2, 3]), ([1, 2, 3], [4, 4, 4])]
)
def test_a_constant_side_ranks_nothing(xs: list[float], ys: list[float]) -> None:
    assert kendall_tau(xs, ys) is None


def test_sides_of_different_lengths_are_refused() -> None:
    with pytest.raises(MeasurementError, match="3 values cannot be ranked against 2"):
        kendall_tau([1, 2, 3], [1, 2])


def test_four_things_have_a_tau_and_no_interval() -> None:
    found = kendall_tau([1, 2, 3, 4], [1, 3, 2, 4])
    assert found is not None
    assert found.interval is None


def test_the_interval_of_0_6_over_ten_worked_out_by_hand() -> None:
    # half a step is 2 / 90 = 0.0222; 1.96 sqrt(0.437 / 6) = 0.5290
    # artanh 0.5778 = 0.6592, artanh 0.6222 = 0.7285; tanh 0.1302 = 0.1295, tanh 1.2575 = 0.8504
    found = tau_interval(0.6, 10)
    assert found is not None
    assert (found.low, found.high) == (pytest.approx(0.1295, abs=2e-4), pytest.approx(0.8504, 1e-3))


@pytest.mark.parametrize("n", [5, 8, 24, 1000])
def test_perfect_agreement_of_few_is_not_sure(n: int) -> None:
    found = tau_interval(1.0, n)
    assert found is not None
    assert found.low < 1.0 == found.high
    assert tau_interval(-1.0, n) == Interval(-1.0, pytest.approx(-found.low))


def test_more_things_are_surer() -> None:
    widths = [
        found.high - found.low
        for n in (5, 10, 20, 40, 80)
        if (found := tau_interval(0.5, n)) is not None
    ]
    assert widths == sorted(widths, reverse=True)
    assert len(widths) == 5


@pytest.mark.parametrize(("n", "correlation"), [(6, 0.6), (10, 0.9), (24, 0.6), (24, 0.9)])
def test_the_interval_covers_the_tau_of_normal_pairs(n: int, correlation: float) -> None:
    # of a bivariate normal distribution tau is 2 / pi arcsin(correlation)
    draw, truth = random.Random(1), 2 / math.pi * math.asin(correlation)
    hits, rounds = 0, 300
    for _ in range(rounds):
        xs = [draw.gauss() for _ in range(n)]
        rest = math.sqrt(1 - correlation**2)
        found = kendall_tau(xs, [correlation * x + rest * draw.gauss() for x in xs])
        assert found is not None
        assert found.interval is not None
        hits += found.interval.low <= truth <= found.interval.high
    assert hits / rounds > 0.92
