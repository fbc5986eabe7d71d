"""What a place can do, and one place against another."""

from collections.abc import Iterator, Sequence
from functools import partial

from sabench.compare.figures import why_no_ratio
from sabench.compare.join import Side, is_one_device, refuse_unlike
from sabench.compare.levels import reason_without
from sabench.compare.pair import Effect
from sabench.compare.ranks import ranking_of
from sabench.compare.roofline import Roof, Work, roof_of, work_of
from sabench.compare.runs import change_of
from sabench.errors import ResultError
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
    between,
    by_group,
    capped,
)
from sabench.report.html.points import LATENCY, Point, drawable, place_and_dtype
from sabench.report.plain import plain
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
    for group, points in by_group([point for point, _ in placed], place_and_dtype).items():
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
        "device's own roof is no lower.",
        "FLOPs are those executed; bytes are the least a call must move: maps in and out once, "
        "copies once. Traffic between caches is not in them.",
    )
    titles = ("place", "layer", "FLOPs a byte", "FLOPs a second", "of the roof", "latency")
    return Figure("roofline", "Roofline", says + left_out, shown, Table(titles, tuple(lines)))


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
    first = _by_key(mine)
    panels: list[Drawing] = []
    lines = []
    says = [
        "Dashed: the same on both. Below it, the side that is named upwards has less. "
        "Ratios are geometric means of processes with their 99 % interval. Pale: not compared, for "
        f"the reason in the table, where base is {base}."
    ]
    for name, theirs in others:
        second = _by_key(theirs)
        pairs = [(first[key], second[key]) for key in first if key in second]
        if not pairs:
            says.append(f"{name} has no case in common with {base}.")
            continue
        changes = {one.number: _change(sheet.metric, one, other) for one, other in pairs}
        values = []
        for one, other in pairs:
            place = one.value(sheet.metric) or 1.0
            figure = one.figure(sheet.metric)
            low, high = place, place
            if figure and figure.interval and drawable(figure.interval.low):
                low, high = figure.interval.low, figure.interval.high
            told = {"x_told": sheet.shown(place), "case": plain(one.key), "side": ""}
            change = changes[one.number]
            value = sheet.value_of(other, place, x0=low, x1=high, **told)
            if isinstance(change, str):
                value |= {"strength": 0.35, "status": plain(f"{other.status}, not compared")}
            values.append(value)
            cells = [Cell(name), Cell(other.label, title=one.key), Cell(one.group)]
            cells += [sheet.cells(one)[0], sheet.cells(other)[0], *_ratio(change)]
            lines.append(Line(tuple(cells), (one.number, other.number)))
        ends = [one.value(sheet.metric) or 1.0 for one, _ in pairs]
        curve = Curve(((min(ends), min(ends)), (max(ends), max(ends))))
        x = Axis(f"{sheet.name}: {base}", sheet.axis.show)
        y = Axis(f"{sheet.name}: {name}", sheet.axis.show)
        panels.append(
            (f"{name} against {base}", partial(scatter, values, sheet.marks, x, y, curve=curve))
        )
        compared = [pair for pair in pairs if isinstance(changes[pair[0].number], Effect)]
        says.append(_agreement(sheet, name, compared))
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


def _by_key(points: Sequence[Point]) -> dict[str, Point]:
    """In their order; of runs that share a case the first has it."""
    found: dict[str, Point] = {}
    for point in points:
        found.setdefault(point.key, point)
    return found


def _change(metric: str, one: Point, other: Point) -> Effect | str:
    """From one place to another; or why there is no ratio, for the reasons that compare has."""
    (base, old), (new, late) = ((point.place, point) for point in (one, other))
    is_one = is_one_device(base.environment, new.environment)
    try:
        refuse_unlike(_side_of(one), _side_of(other), across_env=not is_one)
    except ResultError as error:
        return str(error)
    environments = (base.environment.id, new.environment.id)
    reason = why_no_ratio(old.row, late.row, metric, environments)
    without = (reason_without(one.row, metric, one.place.environment.id) for one in (old, late))
    return reason or next(filter(None, without), "") or change_of(old.row, late.row, metric)


def _side_of(point: Point) -> Side:
    """What compare takes a point for."""
    place, board = point.place, point.source.leaderboard
    return Side(point.side, board, place.device, place.environment, (point.row,))


def _ratio(change: Effect | str) -> tuple[Cell, Cell]:
    if isinstance(change, str):
        return Cell("-"), Cell(f"not compared: {change}")
    ends = change.interval
    told = " to ".join(map(_factor, ends)) if ends else "one process: none"
    return Cell(_factor(change.ratio), change.ratio), Cell(told)


def _factor(value: float) -> str:
    return f"{value:.3f}" if value < 1000.0 else f"{value:.4g}"


def _agreement(sheet: Sheet, name: str, pairs: list[tuple[Point, Point]]) -> str:
    """How far two sides rank what both measured alike, and how far noise may move that."""
    ranking = ranking_of(
        [one.row for one, _ in pairs], [other.row for _, other in pairs], sheet.metric
    )
    if ranking is None or ranking.found is None:
        return f"{name}: {len(pairs)} cases, too few or too level for a ranking by {sheet.name}."
    found = ranking.found
    sure = f"95 % {between(found.interval)}" if found.interval else "too few for an interval"
    noise = "how far noise moves it is not known: one process"
    if ranking.noise:
        noise = f"within the noise of the figures {between(ranking.noise)} in 95 % of redraws"
    tau = f"{found.tau:.2f} ({sure}, {found.n} cases; {noise})"
    return f"{name}: Kendall's tau of the rankings by {sheet.name} {tau}."
