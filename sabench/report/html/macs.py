"""Where counting MACs misleads."""

from collections.abc import Iterator
from functools import partial

from sabench.cases.case import show_scalar
from sabench.catalog.metrics import METRICS
from sabench.compare.misled import Expectation, expectation
from sabench.report.columns import SHOWN_AS
from sabench.report.html.axes import Axis
from sabench.report.html.charts import Curve, deviations, scatter
from sabench.report.html.curves import panel_group
from sabench.report.html.figure import (
    LEAST,
    Cell,
    Drawing,
    Figure,
    Line,
    Sheet,
    Table,
    by_group,
    capped,
    number,
)
from sabench.report.html.points import Point
from sabench.report.plain import plain
from sabench.report.tables import WORD_ENDS

LETTERS, MOST_LINES = 28, 4  # of a name beside a list


def macs(sheet: Sheet) -> Iterator[Figure]:
    """The figures that there are points for."""
    for figure in (_macs(sheet), _residuals(sheet)):
        if figure:
            yield figure


def _macs(sheet: Sheet) -> Figure | None:
    panels: list[Drawing] = []
    lines = []
    for group, points, expected in _counted(sheet):
        counts = [point.value("macs") or 0.0 for point in points]
        values = [
            sheet.value_of(point, macs, x_told=SHOWN_AS["count"](macs))
            for point, macs in zip(points, counts, strict=True)
        ]
        ends = tuple((macs, expected.seconds(macs)) for macs in (min(counts), max(counts)))
        x = Axis("MACs by definition, one image", "count")
        panels.append(
            (group, partial(scatter, values, sheet.marks, x, sheet.axis, curve=Curve(ends)))
        )
        for point in points:
            macs = point.value("macs")
            executed = point.value("macs_executed")
            cells = [Cell(group), Cell(point.label), number(macs, SHOWN_AS["count"])]
            cells += [number(executed, SHOWN_AS["count"]), *sheet.cells(point)]
            cells.append(number(_residual(sheet, point, expected), "{:.2f} x".format))
            lines.append(Line(tuple(cells), (point.number,)))
    if not panels:
        return None
    shown, left_out = capped(panels)
    says = (
        "Dashed: what MACs say, the same MACs in the same time, at the group's median rate. "
        "A case above it is slower than its MACs promise.",
    )
    titles = (
        *("group", "layer", "MACs", "MACs executed"),
        *(sheet.name, "interval", "over what MACs say"),
    )
    title = f"MACs against {sheet.name}"
    return Figure("macs", title, says + left_out, shown, Table(titles, tuple(lines)))


def _residuals(sheet: Sheet) -> Figure | None:
    panels: list[Drawing] = []
    lines = []
    for group, points, expected in _counted(sheet):
        ordered = sorted(points, key=lambda point: -_residual(sheet, point, expected))
        values = []
        for point in ordered:
            residual = _residual(sheet, point, expected)
            words = f"{residual:.2f} x what its MACs say"
            name = _in_lines(point, points)
            values.append(sheet.value_of(point, residual, even=1.0, told=words, words=name))
            line = (Cell(group), Cell(point.label), Cell(f"{residual:.2f} x", residual))
            lines.append(Line(line, (point.number,)))
        x = f"{sheet.name} over what MACs say"
        panels.append((group, partial(deviations, values, sheet.marks, x)))
    if not panels:
        return None
    shown, left_out = capped(panels)
    says = ("Right of 1: slower than its MACs say. This is where choosing by FLOPs misleads.",)
    return Figure(
        "residual",
        f"Where MACs mislead: {sheet.name} over what they say",
        says + left_out,
        shown,
        Table(("group", "layer", "over what MACs say"), tuple(lines)),
    )


def _counted(sheet: Sheet) -> Iterator[tuple[str, list[Point], Expectation]]:
    """Each group that has MACs enough, with what they say of the metric."""
    if METRICS[sheet.metric].better == "more" or sheet.metric == "macs":
        return
    placed = [point for point in sheet.drawn if point.value("macs") is not None]
    for group, points in by_group(placed, panel_group).items():
        pairs = [
            (point.value("macs") or 1.0, point.value(sheet.metric) or 1.0)
            for point in points
            if point.is_measured
        ]
        expected = expectation(pairs)
        if expected and len(pairs) >= LEAST and len({macs for macs, _ in pairs}) > 1:
            yield group, points, expected


def _residual(sheet: Sheet, point: Point, expected: Expectation) -> float:
    return expected.residual(point.value("macs") or 1.0, point.value(sheet.metric) or 1.0)


def _in_lines(point: Point, points: list[Point]) -> str:
    """The layer and the options that it states, folded; its number where another is called so."""
    mine = _folded(point)
    same = [other for other in points if _folded(other) == mine]
    return mine + (f" ({point.number + 1})" if len(same) > 1 else "")


def _folded(point: Point) -> str:
    """In lines that end after a space or a comma."""
    lines = [""]
    for word in WORD_ENDS.split(_words(point)):
        if lines[-1] and len(lines[-1] + word) > LETTERS:
            lines.append("")
        lines[-1] += word
    return "\n".join(line.rstrip() for line in lines[:MOST_LINES])


def _words(point: Point) -> str:
    case = point.row.case
    stated = [f"{key}={show_scalar(value)}" for key, value in case.options.items()]
    _, bracket, how = point.label.partition(" [")  # stands where only it tells two apart
    run = f" ({point.run})" if point.run and not how else ""
    return plain(" ".join([case.subject, *stated]) + bracket + how + run)
