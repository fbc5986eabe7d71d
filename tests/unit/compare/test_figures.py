"""Figures of one metric that do not mean the same: another cache state, another way of timing."""

import pytest

from making_rows import board_of, figure_of, row_of
from making_runs import case, environment
from sabench.compare.devices import compare_devices
from sabench.compare.join import Side, sides_of
from sabench.compare.runs import compare_runs
from sabench.errors import ExitCode
from sabench.records import Flag, Reading
from sabench.store.figure import figure_of as summary_of
from sabench.store.leaderboard import Row

QUIET = (0.999, 1.0, 1.001, 1.0, 1.0)
COLD = "latency_cold"


def row(metric: str, seconds: float = 1.0, **told: object) -> Row:
    figure = figure_of(metric, [seconds * factor for factor in QUIET]).model_copy(update=told)
    return row_of(case(), 1.0, figures={metric: figure})


def side(row: Row, device: str = "P") -> Side:
    return sides_of("run", board_of([row], environment(device)))[0]


UNPROVED = {"flags": (Flag.COLD_UNPROVED,)}


@pytest.mark.parametrize(
    ("base", "new", "reason"),
    [
        ({}, UNPROVED, "new alone: the flush was not shown to empty the cache: cold may be warm"),
        (UNPROVED, {}, "base alone: the flush was not shown to empty the cache: cold may be warm"),
        (UNPROVED, UNPROVED, ""),
        (
            {"timing": ("events",)},
            {"timing": ("blocked events",)},
            "base timed by events, new by blocked events",
        ),
        (
            {"timing": ("blocked events", "events")},
            {"timing": ("events",)},
            "base timed by blocked events and events, new by events",
        ),
        ({"timing": ("events",)}, {"timing": ("events",)}, ""),
        ({"timing": ("events",)}, {}, ""),  # of before the mode was told
    ],
)
def test_figures_that_mean_not_the_same_have_no_ratio(base, new, reason: str) -> None:
    told = compare_runs(side(row(COLD, **base)), side(row(COLD, 3.0, **new)), metric=COLD)
    (found,) = told.cases
    assert found.reason == reason
    assert (found.effect is None) == bool(reason)
    assert told.exit_code() is (ExitCode.UNRELIABLE if reason else ExitCode.REGRESSION)


def test_a_cold_time_that_may_be_warm_is_no_gain_over_one_that_is_cold() -> None:
    proved, doubted = row(COLD, 2.0), row(COLD, 1.0, **UNPROVED)
    told = compare_devices([side(proved, "A"), side(doubted, "B"), side(proved, "C")], COLD)
    found = next(told.cases)
    assert [gain is not None for gain in found.gains] == [False, True]
    assert [bool(reason) for reason in found.reasons] == [False, True, False]
    alike = compare_devices([side(doubted, "A"), side(doubted, "B")], COLD)
    assert all(next(alike.cases).gains)


def test_other_devices_may_be_timed_in_other_modes() -> None:
    one, other = row("latency_warm", timing=("blocks",)), row("latency_warm", timing=("events",))
    told = compare_devices([side(one, "A"), side(other, "B")])
    assert all(next(told.cases).gains)


def test_a_figure_tells_the_modes_of_its_processes_once_each() -> None:
    modes = ("events", "blocked events", "events")
    readings = [Reading.of("s", [1.0, 2.0], details={"timing": mode}) for mode in modes]
    assert summary_of(readings).timing == ("blocked events", "events")
    assert summary_of([Reading.of("s", [1.0])]).timing == ()
