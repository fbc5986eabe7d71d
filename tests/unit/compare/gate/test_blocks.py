"""The pair that a block gives: of medians, or turn by turn."""

import math

import pytest

from sabench.compare.gate.blocks import Block, Stage, Turns, turns_of
from sabench.records import Reading, Record, Status

TURNS = 8


def block(base: list[float | None], candidate: list[float | None]) -> Block:
    """Medians of 1 s and 1.2 s, and these turns."""
    figures = {"base": 1.0, "candidate": 1.2}
    turns: dict[str, Turns] = {"base": {"a": base}, "candidate": {"a": candidate}}
    return Block(0, {side: {"a": one} for side, one in figures.items()}, {}, turns)  # type: ignore[misc, arg-type]


def test_what_slowed_the_machine_for_some_turns_is_in_neither_side() -> None:
    """Twice as slow in every third turn; the candidate is 5 % slower in each."""
    base = [2.0 if turn % 3 == 0 else 1.0 for turn in range(TURNS)]
    pair = block([*base], [1.05 * one for one in base]).pair("a", "candidate")
    assert pair == pytest.approx((1.0, 1.05))


def test_the_ratio_turned_round_is_one_over_it() -> None:
    base, candidate = [1.0, 1.1, 1.3, 1.2], [1.2, 1.1, 1.7, 1.25]
    there = block([*base], [*candidate]).pair("a", "candidate")
    back = block([*candidate], [*base]).pair("a", "candidate")
    assert there is not None
    assert back is not None
    assert math.log(there[1] / there[0]) == pytest.approx(-math.log(back[1] / back[0]))


def test_who_comes_second_in_a_round_is_slower_and_that_cancels() -> None:
    """Caches of the other are worth 2 %: the sides change places from turn to turn."""
    base = [1.0 if turn % 2 == 0 else 1.02 for turn in range(TURNS)]
    candidate = [1.02 if turn % 2 == 0 else 1.0 for turn in range(TURNS)]
    base[1] = candidate[1] = None
    pair = block([*base], [*candidate]).pair("a", "candidate")
    assert pair == pytest.approx((1.0, 1.0))


def test_turns_that_one_side_lacks_are_left_out_with_their_neighbours() -> None:
    base = [None, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    candidate = [1.1, 9.0, 1.1, 1.1, 1.1, 1.1, None, 1.1]
    assert block([*base], [*candidate]).pair("a", "candidate") == pytest.approx((1.0, 1.1))


def test_a_side_that_took_fewer_turns_is_held_against_the_first_of_the_other() -> None:
    pair = block([1.0] * 6 + [7.0] * 2, [1.1] * 6).pair("a", "candidate")
    assert pair == pytest.approx((1.0, 1.1))


@pytest.mark.parametrize(
    "candidate",
    [[], [1.5], [1.5, 1.5, *[None] * 6]],
    ids=["measured alone", "one turn", "fewer than half"],
)
def test_of_too_few_turns_in_common_there_is_no_pair(candidate: list[float | None]) -> None:
    assert block([1.0] * TURNS, candidate).pair("a", "candidate") is None


def test_of_sides_that_took_no_turns_the_medians_are_the_pair() -> None:
    assert block([], []).pair("a", "candidate") == (1.0, 1.2)


def test_a_side_without_a_figure_gives_no_pair_whatever_its_turns() -> None:
    one = block([1.0] * TURNS, [1.1] * TURNS)
    alone = Block(0, {"base": one.figures["base"], "candidate": {}}, {}, one.turns)
    assert alone.pair("a", "candidate") is None
    assert Stage([alone, one]).pairs("a") == [pytest.approx((1.0, 1.1))]


def test_turns_are_read_from_the_details_of_the_reading() -> None:
    record = Record(
        job_id="a-base-0",
        case_id="a",
        device="cpu",
        environment="0" * 12,
        suite="gate",
        preset="gate",
        replicate=0,
        status=Status.OK,
        readings={"latency_warm": Reading.of("s", [1.0], details={"turns": [1.0, None, 2]})},
        started_utc="2026-01-01T00:00:00Z",
        wall_s=1.0,
    )
    assert turns_of([record], "latency_warm") == {"a": [1.0, None, None]}
    assert turns_of([record], "throughput") == {}
