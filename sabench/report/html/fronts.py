"""Pareto fronts: what no other case beats in both of two figures, as far as they are known."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from sabench.catalog.layers import layers
from sabench.catalog.metrics import METRICS
from sabench.compare.front import Cost, Standing, standings
from sabench.report.columns import SHOWN_AS
from sabench.report.html.axes import Axis
from sabench.report.html.charts import Stair, scatter
from sabench.report.html.curves import AXES, panel_group
from sabench.report.html.figure import (
    LEAST,
    Cell,
    Drawing,
    Figure,
    Line,
    Sheet,
    Table,
    axis_of,
    by_group,
    capped,
    name_of,
)
from sabench.report.html.points import Point, drawable
from sabench.stats import Interval

COSTS = ("energy", "peak_allocated", "peak_rss_growth", "params")
"""What a front weighs against the metric: the first that differs within some group."""

WORDS = {
    Standing.FRONT: "on the front",
    Standing.UNDECIDED: "behind, not for sure",
    Standing.BEHIND: "surely behind",
}

SAYS = (
    "The stair joins the front by the medians. Pale: surely behind, another case is better in both "
    "with the 95 % intervals apart. Where they overlap, or where fewer than five processes give a "
    "range alone, nothing is decided: see the table. Disturbed cases are left out.",
)
SHARES = (*(tenth / 10 for tenth in range(1, 8)), 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)
NO_ACCURACY = "Neither side is accuracy: none was measured."


@dataclass(frozen=True, slots=True)
class Other:
    """What stands to the right: its cost (less is better) and how it is told."""

    name: str
    axis: Axis
    says: str
    cost: Callable[[Point], Cost | None]
    show: Callable[[float], str]
    notes: tuple[str, ...] = (NO_ACCURACY,)
    stair: Stair = "step-after"
    sign: float = 1.0  # -1 where more is better


def fronts(sheet: Sheet) -> Iterator[Figure]:
    """Against accuracy, what else a case costs, and how far it sees."""
    if METRICS[sheet.metric].better == "more":
        return
    accuracy = Other(
        "accuracy",
        Axis("accuracy", "share", SHARES),
        "Lower is faster, further right is right more often. Accuracy is the mean over seeds, with "
        "Student's 95 % interval.",
        _right,
        SHOWN_AS["share"],
        notes=tuple(dict.fromkeys(n for p in sheet.drawn for n in p.source.leaderboard.notes)),
        stair="step-before",
        sign=-1.0,
    )
    if figure := _front("accuracy", f"Pareto front: {sheet.name} and accuracy", sheet, accuracy):
        yield figure
    found = next((name for name in COSTS if name != sheet.metric and _differs(sheet, name)), None)
    if found:
        show, title = SHOWN_AS[METRICS[found].show], name_of(found)
        other = Other(title, axis_of(found), "Less is better both ways.", _costing(found), show)
        if figure := _front("pareto", f"Pareto front: {sheet.name} and {title}", sheet, other):
            yield figure
    reach = Other(
        "window",
        Axis(AXES["window"], "number"),
        "Lower is faster, further right sees further. What only pools the map is left out.",
        _reaching,
        "{:g}".format,
        stair="step-before",
        sign=-1.0,
    )
    if figure := _front("reach", f"Pareto front: {sheet.name} and window", sheet, reach):
        yield figure


def _front(name: str, title: str, sheet: Sheet, other: Other) -> Figure | None:
    panels: list[Drawing] = []
    lines = []
    placed = [p for p in sheet.drawn if p.is_measured and other.cost(p) is not None]
    for group, points in by_group(placed, panel_group).items():
        weighed = [(point, other.cost(point)) for point in points]
        rows = [(point, cost, cost_of(point, sheet.metric)) for point, cost in weighed if cost]
        if len({cost.median for _, cost, _ in rows}) < LEAST:
            continue
        found = standings([[cost, mine] for _, cost, mine in rows])
        values = []
        for (point, cost, _), standing in zip(rows, found, strict=True):
            place, told = other.sign * cost.median, other.show(other.sign * cost.median)
            values.append(_value(sheet, point, place, told, standing, other, cost))
            cells = [Cell(group), Cell(point.label), *sheet.cells(point), Cell(told, place)]
            lines.append(Line((*cells, Cell(WORDS[standing])), (point.number,)))
        values.sort(key=lambda value: value["x"])
        drawn = partial(scatter, values, sheet.marks, other.axis, sheet.axis, stair=other.stair)
        panels.append((group, drawn))
    if not panels:
        return None
    shown, left_out = capped(panels)
    titles = ("group", "layer", sheet.name, "interval", other.name, "standing")
    says = (other.says, *SAYS, *other.notes, *left_out)
    return Figure(name, title, says, shown, Table(titles, tuple(lines)))


def _value(
    sheet: Sheet,
    point: Point,
    place: float,
    told: str,
    standing: Standing,
    other: Other,
    cost: Cost,
) -> dict[str, str | float]:
    value = sheet.value_of(point, place, x_told=told, standing=standing.value)
    value["strength"] = 0.25 if standing is Standing.BEHIND else 1.0
    value["status"] = f"{value['status']}, {WORDS[standing]}"
    if cost.interval.low < cost.interval.high:
        value |= {"x0": other.sign * cost.interval.low, "x1": other.sign * cost.interval.high}
    return value


def _differs(sheet: Sheet, metric: str) -> bool:
    groups = by_group((p for p in sheet.drawn if p.is_measured), panel_group).values()
    return any(len({p.value(metric) for p in points} - {None}) > 1 for points in groups)


def _costing(metric: str) -> Callable[[Point], Cost | None]:
    def cost(point: Point) -> Cost | None:
        return None if point.value(metric) is None else cost_of(point, metric)

    return cost


def _right(point: Point) -> Cost | None:
    """The accuracy of a network as a cost: more is better."""
    figure = point.row.figures.get("accuracy")
    if figure is None or figure.headline is None or figure.interval is None:
        return None
    interval = Interval(-figure.interval.high, -figure.interval.low)
    return Cost(-figure.headline, interval, is_known=figure.interval_kind == "mean")


def _reaching(point: Point) -> Cost | None:
    """How far a layer sees, as a cost: a layer that sees all sees as far as its map is wide."""
    row = layers().get(point.row.case.subject)
    if row is not None and row.at_window is None and row.attention is None:
        return None
    seen = drawable(point.size if point.window == "all" else point.window)
    return None if seen is None else Cost(-seen, Interval(-seen, -seen))


def cost_of(point: Point, metric: str) -> Cost:
    """A metric's median and interval; a count that no process contradicts has one of no width."""
    figure = point.figure(metric)
    assert figure is not None
    assert figure.median is not None
    if METRICS[metric].exact and len({*figure.process_medians}) == 1:
        return Cost(figure.median, Interval(figure.median, figure.median))
    if figure.interval is None or not drawable(figure.interval.low):
        return Cost(figure.median, Interval(figure.median, figure.median), is_known=False)
    return Cost(figure.median, figure.interval, is_known=figure.interval_kind == "t")
