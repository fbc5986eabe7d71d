"""Latency against the floor: the lowest floor of the processes counts, and what bounds is told."""

import pytest

from making_rows import board_of, figure_of, row_of
from making_runs import case
from sabench.records import Status
from sabench.report.html.figure import Figure, Sheet
from sabench.report.html.floors import floors
from sabench.report.html.page import page_of
from sabench.report.html.points import name_sources, points_of
from sabench.report.html.theme import PAGE, Marks
from sabench.store.leaderboard import Leaderboard, Row


def row(window: int, latency: float, *, floor: tuple[float, ...] = (), **fields: object) -> Row:
    """A convolution; half of its floor is moving."""
    made = row_of(case(options={"window": window}), latency, **fields)  # type: ignore[arg-type]
    figures = {"floor_macs": floor, "floor_bytes": tuple(one / 2 for one in floor), "floor": floor}
    told = {name: figure_of(name, medians) for name, medians in figures.items() if medians}
    return made.model_copy(update={"figures": made.figures | told})


def figures_of(*rows: Row) -> list[Figure]:
    points = points_of(name_sources([("one", board_of(rows))]))
    return list(floors(Sheet(points, "latency_warm", Marks.of(["conv"], PAGE))))


ROWS = (
    row(3, 4e-3, floor=(2e-3, 1e-3, 3e-3)),
    row(5, 6e-3, floor=(2e-3,)),
    row(7, 9e-3, floor=(3e-3,)),
)


def test_each_case_stands_over_the_lowest_floor_that_was_seen() -> None:
    (figure,) = figures_of(*ROWS)
    assert figure.name == "floor"
    cells = [[cell.text for cell in line.cells][-3:] for line in figure.table.lines]
    assert cells == [
        ["1.00 ms", "multiplying", "4.00 x"],
        ["2.00 ms", "multiplying", "3.00 x"],
        ["3.00 ms", "multiplying", "3.00 x"],
    ]
    assert [line.cells[-1].sort for line in figure.table.lines] == pytest.approx([4.0, 3.0, 3.0])


def test_the_dashed_line_is_where_time_and_floor_are_one() -> None:
    (figure,) = figures_of(*ROWS)
    (panel,) = figure.panels
    assert panel.spec["datasets"]["curve"] == [{"x": 1e-3, "y": 1e-3}, {"x": 3e-3, "y": 3e-3}]
    assert [value["x"] for value in panel.spec["datasets"]["points"]] == [1e-3, 2e-3, 3e-3]
    assert "4.00 x its floor, bound by multiplying" in panel.spec["datasets"]["points"][0]["told"]


def test_of_each_kind_the_lowest_counts_and_then_the_longest() -> None:
    """Each process was slowed in one kind: together they tell both ceilings."""
    crossed = {
        "floor_bytes": figure_of("floor_bytes", [1e-3, 2e-3]),
        "floor_macs": figure_of("floor_macs", [2e-3, 1.2e-3]),
        "floor": figure_of("floor", [2e-3, 2e-3]),
    }
    bare = row(3, 6e-3)
    found = bare.model_copy(update={"figures": bare.figures | crossed})
    assert (found.floor_s, found.bound_by) == (1.2e-3, "macs")
    assert found.times_floor == pytest.approx(5.0)


def test_a_case_without_figures_is_no_number_of_times_its_floor() -> None:
    assert row(3, 4e-3, floor=(1e-3,), status=Status.OOM).times_floor is None
    assert row(3, 4e-3, floor=(1e-3,), status=Status.CONTENDED).times_floor == pytest.approx(4.0)


def test_without_floors_there_is_no_figure_and_no_column() -> None:
    bare = [row(window, 1e-3 * window) for window in (3, 5, 7)]
    assert figures_of(*bare) == []
    assert "x floor" not in titles_of(board_of(bare))


def test_a_case_without_a_latency_stands_under_no_floor() -> None:
    failed = row(9, 1e-3, floor=(1e-4,), status=Status.OOM)
    (figure,) = figures_of(*ROWS, failed)
    assert len(figure.table.lines) == 3


def test_the_records_tell_the_floor_beside_the_convolution() -> None:
    titles = titles_of(board_of(ROWS))
    assert titles[titles.index("x conv") + 1] == "x floor"
    (source,) = name_sources([("one", board_of(ROWS))])
    page = page_of([source], points_of([source]), "latency_warm")
    column = page.records.titles.index("x floor")
    assert [entry.cells[column].text for entry in page.records.entries] == ["4.00", "3.00", "3.00"]


def titles_of(board: Leaderboard) -> tuple[str, ...]:
    sources = name_sources([("one", board)])
    return page_of(sources, points_of(sources), "latency_warm").records.titles
