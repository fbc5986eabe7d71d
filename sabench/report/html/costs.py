"""One cost against another: the Pareto front, and where counting MACs misleads."""

from collections.abc import Iterator

from sabench.catalog.metrics import METRICS
from sabench.compare.front import Cost, Standing, standings
from sabench.compare.misled import Expectation, expectation
from sabench.report.columns import SHOWN_AS
from sabench.report.html.charts import Axis, Curve, deviations, scatter
from sabench.report.html.curves import panel_group
from sabench.report.html.figure import (
    Cell,
    Figure,
    Line,
    Panel,
    Sheet,
    Table,
    by_group,
    capped,
    number,
)
from sabench.report.html.points import Point
from sabench.stats import Interval

LEAST = 3  # points of a chart that is worth drawing
SECOND = ("energy", "peak_allocated", "peak_rss_growth", "params")
"""What the front weighs against the metric: the first that some group has and that differs."""

WORDS = {
    Standing.FRONT: "on the front",
    Standing.UNDECIDED: "behind, not for sure",
    Standing.BEHIND: "surely behind",
}


def costs(sheet: Sheet) -> Iterator[Figure]:
    """The figures that there are points for."""
    for figure in (_pareto(sheet), _macs(sheet), _residuals(sheet)):
        if figure:
            yield figure


def _pareto(sheet: Sheet) -> Figure | None:
    second = next((name for name in SECOND if name != sheet.metric and _differs(sheet, name)), None)
    if second is None or METRICS[sheet.metric].better == "more":
        return None
    row, show = METRICS[second], SHOWN_AS[METRICS[second].show]
    panels, lines = [], []
    placed = [point for point in sheet.drawn if point.value(second) is not None]
    for group, points in by_group(placed, panel_group).items():
        if len(points) < LEAST:
            continue
        found = standings([[_cost(point, second), _cost(point, sheet.metric)] for point in points])
        values = []
        for point, standing in zip(points, found, strict=True):
            place = point.value(second) or 0.0
            cost = _cost(point, second)[1]
            value = sheet.value_of(
                *(point, place),
                x0=cost.low,
                x1=cost.high,
                x_told=show(place),
                standing=standing.value,
            )
            value["strength"] = 0.3 if standing is Standing.BEHIND else 1.0
            value["status"] = f"{value['status']}, {WORDS[standing]}"
            values.append(value)
            cells = [Cell(group), Cell(point.label), *sheet.cells(point), Cell(show(place), place)]
            lines.append(Line((*cells, Cell(WORDS[standing])), (point.number,)))
        drawn = scatter(values, sheet.marks, Axis(row.title, row.show), sheet.axis, stepped=True)
        panels.append(Panel(group, drawn))
    if not panels:
        return None
    shown, left_out = capped(panels)
    says = (
        "Less is better both ways. The stair joins the front by the medians. Pale: surely behind, "
        "another case has less of both with the intervals apart. What overlaps is not decided.",
        "Neither axis is accuracy: none was measured.",
    )
    titles = ("group", "layer", sheet.axis.title, "interval", row.title, "standing")
    title = f"Pareto front: {sheet.axis.title} and {row.title}"
    return Figure("pareto", title, says + left_out, shown, Table(titles, tuple(lines)))


def _macs(sheet: Sheet) -> Figure | None:
    panels, lines = [], []
    for group, points, expected in _counted(sheet):
        counts = [point.value("macs") or 0.0 for point in points]
        values = [
            sheet.value_of(point, macs, x_told=SHOWN_AS["count"](macs))
            for point, macs in zip(points, counts, strict=True)
        ]
        ends = tuple((macs, expected.seconds(macs)) for macs in (min(counts), max(counts)))
        x = Axis("MACs by definition, one image", "count")
        panels.append(Panel(group, scatter(values, sheet.marks, x, sheet.axis, curve=Curve(ends))))
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
        *(sheet.axis.title, "interval", "over what MACs say"),
    )
    title = f"MACs against {sheet.axis.title}"
    return Figure("macs", title, says + left_out, shown, Table(titles, tuple(lines)))


def _residuals(sheet: Sheet) -> Figure | None:
    panels, lines = [], []
    for group, points, expected in _counted(sheet):
        ordered = sorted(points, key=lambda point: -_residual(sheet, point, expected))
        values = []
        for point in ordered:
            residual = _residual(sheet, point, expected)
            words = f"{residual:.2f} x what its MACs say"
            value = sheet.value_of(point, residual, even=1.0, told=words)
            value["label"] = f"{value['label']}{_apart(point, points)}"
            values.append(value)
            line = (Cell(group), Cell(point.label), Cell(f"{residual:.2f} x", residual))
            lines.append(Line(line, (point.number,)))
        x = f"{sheet.axis.title} over what MACs say"
        panels.append(Panel(group, deviations(values, sheet.marks, x)))
    if not panels:
        return None
    shown, left_out = capped(panels)
    says = ("Right of 1: slower than its MACs say. This is where choosing by FLOPs misleads.",)
    return Figure(
        "residual",
        f"Where MACs mislead: {sheet.axis.title} over what they say",
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
        pairs = [(point.value("macs") or 1.0, point.value(sheet.metric) or 1.0) for point in points]
        expected = expectation(pairs)
        if expected and len(points) >= LEAST and len({macs for macs, _ in pairs}) > 1:
            yield group, points, expected


def _residual(sheet: Sheet, point: Point, expected: Expectation) -> float:
    return expected.residual(point.value("macs") or 1.0, point.value(sheet.metric) or 1.0)


def _apart(point: Point, points: list[Point]) -> str:
    """What tells a label from another's of the same words: its run, then its number."""
    same = [other for other in points if other.label == point.label]
    if len(same) < 2:
        return ""
    runs = {other.source.name for other in same}
    return f" ({point.source.name})" if len(runs) == len(same) else f" ({point.number + 1})"


def _differs(sheet: Sheet, metric: str) -> bool:
    groups = by_group(sheet.drawn, panel_group).values()
    return any(len({p.value(metric) for p in points} - {None}) > 1 for points in groups)


def _cost(point: Point, metric: str) -> Cost:
    """A metric's median and interval; an exact count has an interval of no width."""
    figure = point.figure(metric)
    assert figure is not None
    assert figure.median is not None
    if METRICS[metric].exact or figure.interval is None:
        return figure.median, Interval(figure.median, figure.median)
    return figure.median, figure.interval
