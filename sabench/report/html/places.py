"""What a place can do, and one place against another."""

from collections.abc import Iterator
from functools import partial

from sabench.compare.pair import Effect, effect_of
from sabench.compare.roofline import Roof, Work, roof_of, work_of
from sabench.report.html.axes import Axis
from sabench.report.html.charts import Curve, scatter
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
)
from sabench.report.html.points import LATENCY, Point, drawable
from sabench.report.plain import plain
from sabench.stats import kendall_tau
from sabench.units import show_count

RATE = "FLOP/s"


def places(sheet: Sheet) -> Iterator[Figure]:
    """The figures that there are points for."""
    for figure in (_roofline(sheet), _sides(sheet)):
        if figure:
            yield figure


def _roofline(sheet: Sheet) -> Figure | None:
    """FLOPs a second over FLOPs a byte, a panel for each place, dtype and count of threads."""
    panels: list[Drawing] = []
    lines = []
    placed = [
        (point, work)
        for point in sheet.points
        if (seconds := point.value(LATENCY)) is not None
        and (work := work_of(point.row.case, seconds)) is not None
        and all(map(drawable, (work.intensity, work.rate, work.traffic)))
    ]
    works = {point.number: work for point, work in placed}
    by_time = Sheet(sheet.points, LATENCY, sheet.marks)
    for group, points in by_group([point for point, _ in placed], _can_do).items():
        if len(points) < LEAST:
            continue
        counted = [point for point in points if point.is_measured] or points
        roof = roof_of([works[point.number] for point in counted])
        values = []
        for point in points:
            work = works[point.number]
            share = work.rate / roof.at(work.intensity)
            values.append(_under_roof(by_time, point, work, share))
            cells = [Cell(group), Cell(point.label), Cell(f"{work.intensity:.2f}", work.intensity)]
            cells += [
                Cell(f"{show_count(work.rate)}{RATE}", work.rate),
                Cell(f"{share:.0%}", share),
            ]
            lines.append(Line((*cells, by_time.cells(point)[0]), (point.number,)))
        x = Axis("FLOPs for each byte moved (closed form)", "number")
        y = Axis("FLOPs a second", "count")
        curve = _outline(roof, [works[point.number].intensity for point in points])
        panels.append((group, partial(scatter, values, sheet.marks, x, y, curve=curve)))
    if not panels:
        return None
    shown, left_out = capped(panels)
    says = (
        "Dashed: the best that any case here reached, in FLOPs a second and in bytes a second. The "
        "device's own roof is no lower; it was not measured.",
        "FLOPs are those executed; bytes are the least a call must move: maps in and out once, "
        "copies once. Traffic between caches is not in them.",
    )
    titles = ("place", "layer", "FLOPs a byte", "FLOPs a second", "of the roof", "latency")
    return Figure("roofline", "Roofline", says + left_out, shown, Table(titles, tuple(lines)))


def _can_do(point: Point) -> str:
    case = point.row.case
    threads = (
        ""
        if point.place.device.startswith("cuda")
        else f", {case.threads} thread{'s' * (case.threads > 1)}"
    )
    return f"{point.place.name}, {case.dtype}{threads}"


def _under_roof(sheet: Sheet, point: Point, work: Work, share: float) -> dict[str, str | float]:
    rate = work.rate
    value = sheet.value_of(point, work.intensity, x_told=f"{work.intensity:.2f}")
    scale = rate * work.seconds
    low, high = (drawable(scale / float(value[end])) or rate for end in ("y1", "y0"))
    told = f"{show_count(rate)}{RATE}, {share:.0%} of the roof, {value['told']}"
    return value | {"y": rate, "y0": low, "y1": high, "told": told}


def _outline(roof: Roof, intensities: list[float]) -> Curve:
    low, high = min(intensities) / 2, max([*intensities, roof.ridge]) * 2
    corners = sorted({low, min(max(roof.ridge, low), high), high})
    return Curve(tuple((one, roof.at(one)) for one in corners))


def _sides(sheet: Sheet) -> Figure | None:
    """The first side to the right, another upwards: what both measured, a panel for each other."""
    sides = by_group(sheet.drawn, lambda point: point.side)
    if len(sides) < 2:
        return None
    (base, mine), *others = sides.items()
    first = {point.key: point for point in reversed(mine)}
    panels: list[Drawing] = []
    lines = []
    says = [
        "Dashed: the same on both. Below it, the side that is named upwards has less. "
        "Ratios are geometric means of processes with their 99 % interval."
    ]
    for name, theirs in others:
        second = {point.key: point for point in reversed(theirs)}
        pairs = [(first[key], second[key]) for key in first if key in second]
        if not pairs:
            says.append(f"{name} has no case in common with {base}.")
            continue
        values = []
        for one, other in pairs:
            place = one.value(sheet.metric) or 1.0
            figure = one.figure(sheet.metric)
            low, high = place, place
            if figure and figure.interval and drawable(figure.interval.low):
                low, high = figure.interval.low, figure.interval.high
            told = {"x_told": sheet.shown(place), "case": plain(one.key), "side": ""}
            values.append(sheet.value_of(other, place, x0=low, x1=high, **told))
            effect = _change(sheet.metric, one, other)
            cells = [Cell(name), Cell(other.label, title=one.key), Cell(one.group)]
            cells += [sheet.cells(one)[0], sheet.cells(other)[0], *_ratio(effect)]
            lines.append(Line(tuple(cells), (one.number, other.number)))
        ends = [one.value(sheet.metric) or 1.0 for one, _ in pairs]
        curve = Curve(((min(ends), min(ends)), (max(ends), max(ends))))
        x = Axis(f"{sheet.name}: {base}", sheet.axis.show)
        y = Axis(f"{sheet.name}: {name}", sheet.axis.show)
        panels.append(
            (f"{name} against {base}", partial(scatter, values, sheet.marks, x, y, curve=curve))
        )
        says.append(_agreement(sheet, name, pairs))
    if not panels:
        return None
    shown, left_out = capped(panels)
    titles = (
        *("side", "layer", "group", base, "the side"),
        *("ratio", "99 % interval"),
    )
    return Figure(
        "devices",
        "One place against another",
        (*says, *left_out),
        shown,
        Table(titles, tuple(lines)),
    )


def _change(metric: str, one: Point, other: Point) -> Effect | None:
    sides = [point.figure(metric) for point in (one, other)]
    medians = [side.process_medians if side else () for side in sides]
    if not all(medians) or min(min(side) for side in medians) <= 0:
        return None
    return effect_of(*medians)


def _ratio(effect: Effect | None) -> tuple[Cell, Cell]:
    if effect is None:
        return Cell("-"), Cell("-")
    between = effect.interval
    told = f"{between[0]:.3f} to {between[1]:.3f}" if between else "one process: none"
    return Cell(f"{effect.ratio:.3f}", effect.ratio), Cell(told)


def _agreement(sheet: Sheet, name: str, pairs: list[tuple[Point, Point]]) -> str:
    """How far two sides rank what both measured alike."""
    metric = sheet.metric
    found = kendall_tau(
        [one.value(metric) or 0.0 for one, _ in pairs],
        [other.value(metric) or 0.0 for _, other in pairs],
    )
    title = sheet.name
    if found is None:
        return f"{name}: {len(pairs)} cases, too few or too level for a ranking by {title}."
    sure = "too few for an interval"
    if found.interval:
        sure = f"95 % {found.interval.low:.2f} to {found.interval.high:.2f}"
    tau = f"{found.tau:.2f} ({sure}, {found.n} cases)"
    return f"{name}: Kendall's tau of the rankings by {title} {tau}."
