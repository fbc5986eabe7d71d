"""Figures on the log scale, lower is better, and their redraws."""

import math

import numpy as np
import pytest
from scipy import stats

from making_rows import row_of
from making_runs import case, environment
from sabench.compare.levels import Level, better_by, level_of, reason_without, redraws
from sabench.records import Status
from sabench.store.figure import Figure

CONV = case()


def test_a_level_is_the_mean_log_with_its_standard_error() -> None:
    level = level_of(row_of(CONV, 1.0, (1.0, math.e**2)), "latency_warm")
    assert level.log == pytest.approx(1.0)  # of 0 and 2
    assert level.error == pytest.approx(1.0)  # sd sqrt(2), over sqrt(2)
    assert level.degrees == 1


def test_a_level_is_turned_round_where_more_is_better() -> None:
    row = row_of(CONV, math.e**3, metric="throughput")
    assert level_of(row, "throughput").log == pytest.approx(-3.0)


def test_one_process_leaves_the_error_unknown() -> None:
    assert level_of(row_of(CONV, 2.0, (1.0,)), "latency_warm").error is None


@pytest.mark.parametrize(("metric", "mine"), [("latency_warm", 2.0), ("throughput", 6.0)])
def test_better_is_above_one_whichever_way_is_better(metric: str, mine: float) -> None:
    other = {"latency_warm": 6.0, "throughput": 2.0}[metric]
    effect = better_by(
        row_of(CONV, mine, metric=metric), row_of(CONV, other, metric=metric), metric
    )
    assert effect.ratio == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (None, "not in the result"),
        (row_of(CONV, 1.0, status=Status.OOM), "oom"),
        (row_of(CONV, 1.0, status=Status.CONTENDED), "contended"),
        (row_of(CONV, 1.0, figures={}), "not measured"),
        (
            row_of(CONV, 1.0, figures={"latency_warm": Figure(unit="s", reason="no clock")}),
            "no clock",
        ),
        (row_of(CONV, 0.0), "not above zero"),
        (
            row_of(CONV, 1.0, environments=("earlier",)),
            "measured in another environment than its result tells",
        ),
        (row_of(CONV, 1.0), ""),
    ],
)
def test_a_row_without_a_level_tells_why(row, reason) -> None:
    assert reason_without(row, "latency_warm", environment().id) == reason


def test_redraws_follow_students_t_about_each_level() -> None:
    drawn = redraws([Level(3.0, 0.5, 4), Level(-1.0, 0.0, 4)])
    assert drawn is not None
    assert stats.kstest((drawn[:, 0] - 3.0) / 0.5, stats.t(4).cdf).pvalue > 0.01
    assert stats.kstest((drawn[:, 0] - 3.0) / 0.5, stats.norm.cdf).pvalue < 0.01  # it can fail
    assert (drawn[:, 1] == -1.0).all()


def test_two_streams_share_no_noise() -> None:
    levels = [Level(0.0, 1.0, 30), Level(0.0, 1.0, 30)]
    first, again, second = (redraws(levels, stream) for stream in (0, 0, 1))
    assert first is not None
    assert second is not None
    assert np.array_equal(first, again)
    assert abs(np.corrcoef(first[:, 0], second[:, 0])[0, 1]) < 0.1


def test_an_unknown_error_leaves_nothing_to_redraw() -> None:
    assert redraws([Level(0.0, 0.1, 4), Level(0.0, None, 0)]) is None
