"""The Pareto front under intervals, by cases that can be drawn on paper."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sabench.compare.front import Cost, Standing, standings
from sabench.stats import Interval

FRONT, UNDECIDED, BEHIND = Standing.FRONT, Standing.UNDECIDED, Standing.BEHIND


def about(median: float, half: float = 0.0) -> Cost:
    return Cost(median, Interval(median - half, median + half))


def once(median: float) -> Cost:
    """Of one process: no width, and nothing known."""
    return Cost(median, Interval(median, median), is_known=False)


@pytest.mark.parametrize(
    ("things", "expected"),
    [
        ([[about(1), about(2)], [about(2), about(1)]], [FRONT, FRONT]),
        ([[about(1), about(1)], [about(2), about(2)]], [FRONT, BEHIND]),
        ([[about(1, 0.6), about(1)], [about(2, 0.6), about(2)]], [FRONT, UNDECIDED]),
        ([[about(1, 0.4), about(1)], [about(2, 0.4), about(2)]], [FRONT, BEHIND]),
        ([[about(1, 0.1), about(7)], [about(2, 0.1), about(7)]], [FRONT, BEHIND]),
        ([[about(1, 0.1), about(7, 1)], [about(2, 0.1), about(7, 1)]], [FRONT, UNDECIDED]),
        ([[about(3), about(3)], [about(3), about(3)]], [FRONT, FRONT]),
        ([[once(1), about(1)], [once(2), about(2)]], [FRONT, UNDECIDED]),
        ([[once(1), about(1)], [once(1), about(2)]], [FRONT, UNDECIDED]),
        ([[about(1), about(1)], [once(2), about(2)]], [FRONT, UNDECIDED]),
        ([], []),
    ],
    ids=[
        *("each better in one", "better in both", "one cost not told apart", "both told apart"),
        *("the same count", "the same figure, measured", "equals"),
        *("one process each", "one process each, alike", "one process", "nothing"),
    ],
)
def test_a_case_is_behind_only_where_the_intervals_bear_it_out(
    things: list[list[Cost]], expected: list[Standing]
) -> None:
    assert standings(things) == expected


costs = st.tuples(st.integers(1, 9), st.integers(0, 3)).map(lambda one: about(one[0], one[1]))


@given(st.lists(st.tuples(costs, costs), min_size=1, max_size=8))
def test_somebody_is_always_on_the_front(things: list[tuple[Cost, Cost]]) -> None:
    assert FRONT in standings(things)


@given(st.lists(st.tuples(costs, costs), min_size=1, max_size=8))
def test_without_noise_the_front_is_what_no_other_beats(things: list[tuple[Cost, Cost]]) -> None:
    exact = [[about(cost.median) for cost in thing] for thing in things]
    for mine, found in zip(exact, standings(exact), strict=True):
        beaten = any(
            all(theirs.median <= own.median for theirs, own in zip(other, mine, strict=True))
            and other != mine
            for other in exact
        )
        assert found is (BEHIND if beaten else FRONT)
