"""Which pairs are decided: Student's t by hand."""

import pytest

from making_trust import indicator
from sabench.compare.trust.pairs import Decisions, decisions, verdict

T2 = 4.302652729911275  # the 97.5 % point of Student's t with two degrees of freedom


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((0.9,), (0.8,), 1),  # no seeds: whatever differs
        ((0.8,), (0.9,), -1),
        ((0.8,), (0.8,), 0),
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


def test_one_training_a_network_decides_nothing() -> None:
    once = indicator({"a": (0.9,), "b": (0.2,)})
    truth = indicator({"a": (0.9, 0.91), "b": (0.8, 0.81)})
    assert verdict((0.9,), (0.2,), needs_seeds=True) == 0
    assert decisions(once, truth, ["a", "b"]).decided == 0
    assert decisions(truth, once, ["a", "b"]).truly == 0


def test_decided_pairs_are_counted_with_those_that_are_right() -> None:
    truth = indicator({"a": (0.9, 0.91), "b": (0.8, 0.81), "c": (0.7, 0.7), "d": (0.6, 0.8)})
    count = indicator({"a": (4.0,), "b": (5.0,), "c": (3.0,), "d": (3.0,)}, origin="count")
    # the truth decides ab, ac, bc; d spreads too far. The count decides all but cd, ab wrongly.
    found = decisions(count, truth, ["a", "b", "c", "d"])
    assert found == Decisions(pairs=6, decided=5, truly=3, both=3, right=2)
