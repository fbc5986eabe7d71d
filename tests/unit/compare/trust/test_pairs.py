"""Which pairs are decided: Student's t by hand."""

import pytest
from scipy import stats

from making_trust import indicator
from sabench.compare.trust.pairs import Decisions, Pair, apart, decided_pairs, decisions, verdict

T2 = 4.302652729911275  # the 97.5 % point of Student's t with two degrees of freedom


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((0.9,), (0.8,), 0),  # of one seed nothing is known
        ((0.93, 0.94, 0.95), (0.83, 0.84, 0.85), 1),  # a shared seed cancels
        ((0.83, 0.84, 0.85), (0.93, 0.94, 0.95), -1),
        ((0.93, 0.84, 0.95), (0.83, 0.94, 0.85), 0),
    ],
)
def test_a_pair_is_decided_by_the_differences_of_its_seeds(
    one: tuple[float, ...], other: tuple[float, ...], expected: int
) -> None:
    assert verdict(one, other) == expected


@pytest.mark.parametrize(("nudge", "expected"), [(1.001, 1), (0.999, 0)])
def test_the_bound_is_that_of_students_t(nudge: float, expected: int) -> None:
    """Differences m - 1, m, m + 1 have a standard deviation of 1: the bound is t / sqrt 3."""
    middle = nudge * T2 / 3**0.5
    assert verdict((middle - 1, middle, middle + 1), (0.0, 0.0, 0.0)) == expected


@pytest.mark.parametrize("origin", ["training", "score"])
def test_one_draw_of_a_network_decides_nothing(origin: str) -> None:
    once = indicator({"a": (0.9,), "b": (0.2,)}, origin=origin)
    truth = indicator({"a": (0.9, 0.91), "b": (0.8, 0.81)})
    assert decisions(once, truth, ["a", "b"]).decided == 0
    assert decisions(truth, once, ["a", "b"]).truly == 0


def test_decided_pairs_are_counted_with_those_that_are_right() -> None:
    truth = indicator({"a": (0.9, 0.91), "b": (0.8, 0.81), "c": (0.7, 0.7), "d": (0.6, 0.8)})
    count = indicator({"a": (4.0,), "b": (5.0,), "c": (3.0,), "d": (3.0,)}, origin="count")
    # the truth decides ab, ac, bc; d spreads too far. The count decides all but cd, ab wrongly.
    found = decisions(count, truth, ["a", "b", "c", "d"])
    assert found == Decisions(pairs=6, decided=5, truly=3, both=3, right=2)


def test_a_seed_that_one_network_lacks_is_left_out_of_its_pairs() -> None:
    """Seed 1 of b was undefined: its third value is not held against the second of a."""
    values = {"a": (1.0, 5.0, 1.2), "b": (0.8, 1.0)}
    score = indicator(values, origin="score", seeds={"b": (0, 2)})
    truth = indicator({"a": (0.9,) * 3, "b": (0.8,) * 3})
    assert decisions(score, truth, ["a", "b"]).right == 1  # 0.2 and 0.2; by place 0.2 and 4.0
    elsewhere = indicator(values, origin="score", seeds={"a": (0, 1, 2), "b": (3, 4)})
    assert decisions(elsewhere, truth, ["a", "b"]).decided == 0


def test_how_far_apart_is_told_of_the_seeds_that_both_have() -> None:
    score = indicator(
        {"a": (1.0, 100.0, 1.2), "b": (1.1, 1.3)}, origin="score", seeds={"b": (0, 2)}
    )
    (pair,) = decided_pairs(score, score, ["a", "b"])
    assert (pair.more, pair.by, pair.truly) == ("b", pytest.approx(0.1), 1)


@pytest.mark.parametrize("gap", [0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
def test_processes_do_not_pair_and_are_told_apart_as_by_scipy(gap: float) -> None:
    """The first of one and the first of another process have nothing in common."""
    one, other = (1.0, 1.5, 2.0, 1.2), (1.1 + gap, 1.9 + gap, 1.4 + gap)
    told = stats.ttest_ind(one, other, equal_var=False).pvalue < 0.05
    assert apart(one, other) == -int(told)
    assert apart(other, one) == int(told)
    latency = indicator({"a": one, "b": other}, origin="measurement", better="less")
    truth = indicator({"a": (0.8, 0.81), "b": (0.9, 0.91)})
    assert decisions(latency, truth, ["a", "b"]).decided == int(told)


def test_a_count_and_processes_all_alike_differ_as_they_are() -> None:
    assert (apart((3.0,), (2.0,)), apart((2.0,), (2.0,))) == (1, 0)
    assert apart((2.0, 2.0), (3.0, 3.0)) == -1


def test_pairs_are_named_with_what_the_truth_says_of_them() -> None:
    truth = indicator({"a": (0.9, 0.91), "b": (0.8, 0.81), "c": (0.7, 0.7), "d": (0.6, 0.8)})
    count = indicator({"a": (4.0,), "b": (5.0,), "c": (3.0,), "d": (3.0,)}, origin="count")
    assert decided_pairs(count, truth, ["a", "b", "c", "d"]) == (
        Pair("b", "c", 2.0, 1),
        Pair("b", "d", 2.0, 0),
        Pair("b", "a", 1.0, -1),
        Pair("a", "c", 1.0, 1),
        Pair("a", "d", 1.0, 0),
    )
