"""The metric along an axis that was swept: the window, the size, the batch, ..."""

from collections.abc import Iterator, Sequence
from functools import partial

from sabench.cases.case import Case
from sabench.cases.cost import case_options
from sabench.cases.window import swept_by_window
from sabench.catalog.layers import layers
from sabench.report.columns import group_title
from sabench.report.html.axes import Axis
from sabench.report.html.charts import MOST_NAMED, scatter
from sabench.report.html.figure import Cell, Drawing, Figure, Line, Sheet, Table, by_group, capped
from sabench.report.html.points import Point, drawable
from sabench.store.leaderboard import Group

AXES = {
    "window": "window (receptive field, px)",
    "size": "side of the map (px)",
    "resolution": "side of the image (px)",
    "channels": "channels",
    "batch": "batch",
    "threads": "threads",
}
"""What may be swept, and how a chart calls it."""

SEES_ALL = "A layer that sees the whole map stands at the map's own side."


def curves(sheet: Sheet) -> Iterator[Figure]:
    """A figure for each axis along which some layer was measured more than once."""
    for axis in AXES:
        figure = _along(sheet, axis)
        if figure:
            yield figure


def panel_group(point: Point, *without: str) -> str:
    """What a point shares with those it is drawn beside, in words."""
    case = point.row.case
    group: Group = {key: value for key, value in case.group if key not in without}
    words = group_title(group, case)
    return f"{words}, {point.place.name}"


def _along(sheet: Sheet, axis: str) -> Figure | None:
    title = f"{sheet.name[:1].upper()}{sheet.name[1:]} against {axis}"
    placed = [point for point in sheet.drawn if _place(point, axis) is not None]
    panels: list[Drawing] = []
    lines = []
    for group, points in by_group(placed, lambda point: panel_group(point, axis)).items():
        chosen = _worth_drawing(points, axis)
        if not chosen:
            continue
        chosen.sort(key=lambda point: (_series(point, axis), _place(point, axis) or 0))
        names = _names(chosen, axis)
        values = [
            sheet.value_of(
                *(point, _place(point, axis) or 0),
                series=_series(point, axis),
                name=names.get(point.number, ""),
            )
            for point in chosen
        ]
        ticks = tuple(sorted({_place(point, axis) or 0.0 for point in chosen}))
        along = Axis(AXES[axis], "number", ticks=ticks)
        panels.append(
            (group, partial(scatter, values, sheet.marks, along, sheet.axis, joined=True))
        )
        lines += [_line(sheet, point, axis, group) for point in chosen]
    if not panels:
        return None
    shown, left_out = capped(panels)
    says = ["A line joins the same layer with the same other options; bars are intervals."]
    if axis == "window" and any(point.window == "all" for point in placed):
        says.append(SEES_ALL)
    titles = ("group", "layer", axis, sheet.name, "interval", "status")
    return Figure(axis, title, (*says, *left_out), shown, Table(titles, tuple(lines)))


def _line(sheet: Sheet, point: Point, axis: str, group: str) -> Line:
    place = _place(point, axis)
    told = "all" if axis == "window" and point.window == "all" else f"{place:g}"
    cells = [Cell(group), Cell(point.label), Cell(told, place), *sheet.cells(point)]
    return Line((*cells, Cell(point.status)), (point.number,))


def _place(point: Point, axis: str) -> float | None:
    """Where a point stands along an axis; None where the axis does not touch it."""
    if axis == "window":
        return drawable(point.size if point.window == "all" else point.window)
    return drawable(getattr(point.row.case, axis))


def _worth_drawing(points: Sequence[Point], axis: str) -> list[Point]:
    """Along the window every layer of the group, if one was swept; else what was swept."""
    series = by_group(points, lambda point: _series(point, axis))
    swept = [many for many in series.values() if len({_place(one, axis) for one in many}) > 1]
    if axis == "window":
        return list(points) if swept else []
    return [point for many in swept for point in many]


def _series(point: Point, axis: str) -> str:
    """What a line joins: the id without the axis; runs of one place that share cases apart."""
    case = point.row.case
    case = _without_window(case) if axis == "window" else case.model_copy(update={axis: 1})
    return f"{case.case_id} {point.run}"


def _names(points: Sequence[Point], axis: str) -> dict[int, str]:
    """What stands beside the last point of each line: what tells it from its layer's others."""
    series = by_group(points, lambda point: _series(point, axis)).values()
    lines = [many for many in series if len(many) > 1]
    subjects = [many[0].row.case.subject for many in lines]
    named = [many for many in lines if subjects.count(many[0].row.case.subject) > 1]
    return {} if len(named) > MOST_NAMED else {many[-1].number: _told(many) for many in named}


def _told(line: Sequence[Point]) -> str:
    """The words that the labels of a line share, beyond the layer's name."""
    words = [point.label.split(" ") for point in line]
    shared = [word for word in words[0][1:] if all(word in other for other in words)]
    return " ".join(shared)


def _without_window(case: Case) -> Case:
    row = layers().get(case.subject)
    if row is None or case.file:
        return case
    try:
        swept = swept_by_window(row, case_options(case))
    except ValueError:  # options of another version
        return case
    options = {key: value for key, value in case.options.items() if key not in swept}
    return case.model_copy(update={"options": options})
