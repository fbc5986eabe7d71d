"""Costs against the time on the page: tau by hand, its noise where it is known."""

from collections.abc import Sequence

import pytest

from making_rows import NOISY, board_of, figure_of, row_of
from making_runs import case
from sabench.records import Status
from sabench.report.html.figure import Cell, Sheet
from sabench.report.html.indicators import indicator_table
from sabench.report.html.points import name_sources, points_of
from sabench.report.html.theme import PAGE, Marks
from sabench.store.leaderboard import Row

TIMES = (1e-3, 2e-3, 3e-3, 4e-3)
MACS = (10, 20, 40, 30)  # one of six pairs the other way round: tau 4/6


def rows(factors: Sequence[float] = NOISY) -> list[Row]:
    return [
        row_of(case(options={"window": window}), time, factors, macs=macs)
        for window, time, macs in zip((3, 5, 7, 9), TIMES, MACS, strict=True)
    ]


def cell_of(found: Sequence[Row], title: str) -> Cell:
    points = points_of(name_sources([("a", board_of(found))]))
    table = indicator_table(Sheet(points, "latency_warm", Marks.of(["conv"], PAGE)))
    assert table is not None
    (line,) = table.lines
    return line.cells[table.titles.index(title)]


def test_tau_is_that_of_the_pairs_and_noise_that_turns_none_leaves_it() -> None:
    cell = cell_of(rows(), "MACs")
    assert cell.sort == pytest.approx(4 / 6)
    assert "in noise 0.67 to 0.67" in cell.text  # a quarter apart, thirty times their error


def test_the_noise_of_single_processes_is_not_told() -> None:
    cell = cell_of(rows((1.0,)), "MACs")
    assert cell.sort == pytest.approx(4 / 6)
    assert "noise" not in cell.text


def test_growth_of_rss_has_no_noise_as_one_process_reads_it() -> None:
    found = [
        row.model_copy(
            update={
                "figures": row.figures
                | {"peak_rss_growth": figure_of("peak_rss_growth", [1e6 * place])}
            }
        )
        for place, row in enumerate(rows(), start=1)
    ]
    cell = cell_of(found, "growth of RSS")
    assert cell.sort == pytest.approx(1.0)
    assert "noise" not in cell.text


def test_a_disturbed_case_ranks_in_no_tau() -> None:
    disturbed = row_of(case(), 1e-9, NOISY, macs=1e9, status=Status.CONTENDED)
    assert cell_of([*rows(), disturbed], "MACs").sort == pytest.approx(4 / 6)
    assert cell_of([*rows(), disturbed], "cases").sort == 4
