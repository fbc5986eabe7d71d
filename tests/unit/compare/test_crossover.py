"""Where one layer overtakes another: brackets and crossings worked out by hand."""

from typing import Any

import pytest

from making_rows import EXACT, NOISY, row_of
from making_runs import case
from sabench.compare.crossover import Contest, contests
from sabench.stats import Interval
from sabench.store.leaderboard import Row

TIME = "latency_warm"


def along(
    subject: str, figures: dict[int, float], factors: tuple[float, ...] = EXACT, **fields: Any
) -> list[Row]:
    """A subject over sizes."""
    return [row_of(case(subject, size=n, **fields), v, factors) for n, v in figures.items()]


def windows(subject: str, figures: dict[int, float], **fields: Any) -> list[Row]:
    """A subject over its option `window`."""
    return [
        row_of(case(subject, options={"window": n}, **fields), value)
        for n, value in figures.items()
    ]


def only(found: list[Contest]) -> Contest:
    assert len(found) == 1
    return found[0]


def test_the_crossing_lies_where_straight_lines_in_logs_meet() -> None:
    rows = along("conv", {14: 1.0, 56: 4.0}) + along("halo", {14: 2.0, 56: 2.0})
    found = only(contests([rows], TIME, ()))
    assert (found.axis, found.first.subject, found.second.subject) == ("size", "conv", "halo")
    course = found.courses[0]
    assert course is not None
    assert (course.values, course.ahead) == ((14, 56), (1, -1))
    crossover = course.crossovers[0]
    assert (crossover.low, crossover.high, crossover.first_leads) == (14, 56, True)
    # the log of the ratio is ln 2 at 14 and -ln 2 at 56: halfway in logs is sqrt(14 x 56) = 28
    assert crossover.near == Interval(pytest.approx(28.0), pytest.approx(28.0))


def test_values_that_are_not_told_apart_lie_within_the_bracket() -> None:
    conv = along("conv", {7: 1.0, 14: 1.0, 28: 1.0, 56: 1.0}, NOISY)
    halo = along("halo", {7: 2.0, 14: 1.005, 28: 0.995, 56: 0.5}, NOISY)
    course = only(contests([conv + halo], TIME, ())).courses[0]
    assert course is not None
    assert course.ahead == (1, 0, 0, -1)
    crossover = course.crossovers[0]
    assert (crossover.low, crossover.high) == (7, 56)
    assert crossover.near is not None
    # noise of 1 % moves a crossing of nearly level lines far, but not to the ends
    assert 7.0 < crossover.near.low < 14.5
    assert 27.5 < crossover.near.high < 56.0


def test_more_than_one_crossing_is_told() -> None:
    conv = along("conv", {7: 1.0, 14: 2.0, 28: 1.0})
    halo = along("halo", {7: 2.0, 14: 1.0, 28: 2.0})
    course = only(contests([conv + halo], TIME, ())).courses[0]
    assert course is not None
    assert [(c.low, c.high, c.first_leads) for c in course.crossovers] == [
        (7, 14, True),
        (14, 28, False),
    ]


def test_a_pair_that_nowhere_changes_places_is_not_told() -> None:
    rows = along("conv", {14: 1.0, 56: 4.0}) + along("halo", {14: 2.0, 56: 5.0})
    assert contests([rows], TIME, ()) == []


def test_a_pair_that_noise_alone_turns_is_not_told() -> None:
    rows = along("conv", {14: 1.0, 56: 1.0}, NOISY) + along("halo", {14: 1.002, 56: 0.998}, NOISY)
    assert contests([rows], TIME, ()) == []


def test_one_process_tells_of_no_crossing() -> None:
    rows = along("conv", {14: 1.0, 56: 4.0}, (1.0,)) + along("halo", {14: 2.0, 56: 2.0}, (1.0,))
    assert contests([rows], TIME, ()) == []


def test_a_pair_that_another_side_orders_the_other_way_is_told() -> None:
    one = along("conv", {14: 1.0, 56: 1.0}) + along("halo", {14: 2.0, 56: 2.0})
    other = along("conv", {14: 2.0, 56: 2.0}) + along("halo", {14: 1.0, 56: 1.0})
    courses = only(contests([one, other], TIME, ())).courses
    assert [course.ahead for course in courses if course] == [(1, 1), (-1, -1)]
    assert [course.crossovers for course in courses if course] == [(), ()]


def test_a_side_with_one_value_has_no_course() -> None:
    one = along("conv", {14: 1.0, 56: 4.0}) + along("halo", {14: 2.0, 56: 2.0})
    other = along("conv", {14: 1.0, 56: 4.0}) + along("halo", {14: 2.0})
    assert only(contests([one, other], TIME, ())).courses[1] is None


def test_series_of_one_subject_are_rivals_only_as_implementations() -> None:
    def halo(block: int, figures: dict[int, float], **fields: Any) -> list[Row]:
        return along("halo", figures, options={"block": block}, **fields)

    blocks = halo(4, {14: 1.0, 56: 4.0}) + halo(7, {14: 2.0, 56: 2.0})
    assert contests([blocks], TIME, ()) == []
    ways = halo(4, {14: 1.0, 56: 4.0}) + halo(4, {14: 2.0, 56: 2.0}, implementation="sdpa")
    assert only(contests([ways], TIME, ())).second.implementation == "sdpa"


def test_a_window_is_the_option_where_none_was_matched() -> None:
    rows = windows("conv", {3: 1.0, 27: 4.0}) + windows("self_attention", {3: 2.0, 27: 2.0})
    found = only(contests([rows], TIME, ()))
    assert (found.axis, found.first.options) == ("window", ())
    crossover = found.courses[0].crossovers[0] if found.courses[0] else None
    assert crossover is not None
    assert crossover.near == Interval(pytest.approx(9.0), pytest.approx(9.0))  # sqrt(3 x 27)


def test_a_matched_window_moves_the_halo_and_leaves_the_block() -> None:
    halo = [
        row_of(case("halo", window=n, options={"block": 3, "halo": (n - 3) // 2}), value)
        for n, value in {5: 2.0, 7: 2.0, 9: 2.0}.items()
    ]
    conv = [
        row_of(case("conv", window=n, options={"window": n}), value)
        for n, value in {5: 1.0, 7: 3.0, 9: 4.0}.items()
    ]
    found = only(contests([halo + conv], TIME, ()))
    assert (found.first.subject, found.first.options) == ("halo", (("block", 3),))
    course = found.courses[0]
    assert course is not None
    assert course.values == (5, 7, 9)
    assert [(c.low, c.high, c.first_leads) for c in course.crossovers] == [(5, 7, False)]


def test_a_layer_that_sees_the_whole_map_stands_at_every_window() -> None:
    rows = [*windows("conv", {3: 1.0, 27: 4.0}), row_of(case("global_attention"), 2.0)]
    found = only(contests([rows], TIME, ()))
    assert (found.second.subject, found.axis) == ("global_attention", "window")
    course = found.courses[0]
    assert course is not None
    assert course.values == (3, 27)
    assert course.crossovers[0].near == Interval(pytest.approx(9.0), pytest.approx(9.0))


def test_sizes_of_unlike_cases_are_not_joined() -> None:
    conv = along("conv", {14: 1.0, 56: 4.0}, batch=1)
    halo = along("halo", {14: 2.0, 56: 2.0}, batch=8)
    assert contests([conv + halo], TIME, ()) == []


def test_a_key_that_may_differ_does_not_part_the_sides() -> None:
    sides = [
        along("conv", {14: 1.0, 56: 4.0}, threads=threads)
        + along("halo", {14: 2.0, 56: 2.0}, threads=threads)
        for threads in (1, 2)
    ]
    found = only(contests(sides, TIME, ("threads",)))
    assert all(course and course.crossovers for course in found.courses)
    assert len(contests(sides, TIME, ())) == 2  # else they have nothing in common


def test_networks_cross_along_the_resolution() -> None:
    def net(name: str, figures: dict[int, float]) -> list[Row]:
        own = {"kind": "network", "channels": None, "size": None}
        return [row_of(case(name, **own, resolution=n), v) for n, v in figures.items()]

    rows = net("resnet50", {112: 1.0, 448: 4.0}) + net("halonet_h0", {112: 2.0, 448: 2.0})
    found = only(contests([rows], TIME, ()))
    assert found.axis == "resolution"
    assert found.courses[0] is not None
    assert found.courses[0].crossovers[0].near == Interval(
        pytest.approx(224.0), pytest.approx(224.0)
    )


def test_a_layer_of_the_users_own_is_held_to_its_size() -> None:
    own = along("Mine", {14: 2.0, 56: 2.0}, file="mine.py:Mine")
    found = only(contests([along("conv", {14: 1.0, 56: 4.0}) + own], TIME, ()))
    assert found.second.subject == "Mine"


def test_more_is_better_turns_the_lead_round() -> None:
    rows = [
        row_of(case(subject, size=size), value, metric="throughput")
        for subject, figures in {"conv": {14: 4.0, 56: 1.0}, "halo": {14: 2.0, 56: 2.0}}.items()
        for size, value in figures.items()
    ]
    course = only(contests([rows], "throughput", ())).courses[0]
    assert course is not None
    assert course.ahead == (1, -1)


def test_a_halo_of_no_stated_window_stands_at_its_receptive_field() -> None:
    halo = [
        row_of(case("halo", options={"block": 4, "halo": n}), value)
        for n, value in {0: 1.0, 1: 2.0, 2: 4.0}.items()  # windows 4, 6 and 8
    ]
    conv = [row_of(case("global_attention"), 3.0)]
    course = only(contests([halo + conv], TIME, ())).courses[0]
    assert course is not None
    assert course.values == (4, 6, 8)
    assert [(c.low, c.high) for c in course.crossovers] == [(6, 8)]


def test_options_of_another_version_stand_at_no_window() -> None:
    rows = windows("conv", {3: 1.0, 27: 4.0})
    strange = [
        row_of(case("self_attention", options={"window": n, "odd": "x"}), 2.0) for n in (3, 27)
    ]
    assert contests([rows + strange], TIME, ()) == []


def test_no_more_pairs_are_told_than_anybody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sabench.compare.crossover.MOST", 2)
    many = [row for n in range(4) for row in along(f"halo{n}", {14: 2.0, 56: 2.0})]
    assert len(contests([along("conv", {14: 1.0, 56: 4.0}) + many], TIME, ())) == 2
