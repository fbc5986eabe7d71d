"""Each case's time against the least that its device's ceilings allow."""

from collections.abc import Iterator
from functools import partial

from sabench.report.columns import SHOWN_AS
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
from sabench.report.html.points import LATENCY, Point, drawable, place_and_dtype

WORDS = {
    "bytes": "moving maps and parameters",
    "macs": "multiplying",
    "exponentials": "exponentials",
}


def floors(sheet: Sheet) -> Iterator[Figure]:
    """The figure, if there are points for it: latency over floor, a panel for each place."""
    placed = [
        (point, floor)
        for point in sheet.points
        if point.value(LATENCY) is not None
        and point.row.times_floor is not None
        and (floor := drawable(point.row.floor_s)) is not None
    ]
    by_time = Sheet(sheet.points, LATENCY, sheet.marks)
    least = {point.number: floor for point, floor in placed}
    panels: list[Drawing] = []
    lines = []
    for group, points in by_group([point for point, _ in placed], place_and_dtype).items():
        if len(points) < LEAST:
            continue
        values = [_above_floor(by_time, point, least[point.number]) for point in points]
        floors_s = [least[point.number] for point in points]
        ends = tuple((one, one) for one in (min(floors_s), max(floors_s)))
        x, y = Axis("floor: the least time by measured ceilings", "time"), by_time.axis
        panels.append((group, partial(scatter, values, sheet.marks, x, y, curve=Curve(ends))))
        for point in points:
            floor, times = least[point.number], point.row.times_floor or 0.0
            cells = [Cell(group), Cell(point.label), *by_time.cells(point)]
            cells += [Cell(SHOWN_AS["time"](floor), floor), Cell(_bound(point))]
            lines.append(Line((*cells, Cell(f"{times:.2f} x", times)), (point.number,)))
    if not panels:
        return
    shown, left_out = capped(panels)
    says = (
        "Dashed: as fast as the floor. A case's distance above it is what a better implementation "
        "could win at most; below it, the ceilings were held back as they were taken.",
        "The floor is the longest of three times that cannot be avoided, each an amount of work "
        "over the device's measured ceiling: moving, multiplying, exponentials.",
    )
    titles = ("place", "layer", "latency", "interval", "floor", "bound by", "over the floor")
    title = "Latency against its floor"
    yield Figure("floor", title, says + left_out, shown, Table(titles, tuple(lines)))


def _above_floor(sheet: Sheet, point: Point, floor: float) -> dict[str, str | float]:
    value = sheet.value_of(point, floor, x_told=SHOWN_AS["time"](floor))
    times = point.row.times_floor or 0.0
    return value | {"told": f"{value['told']}, {times:.2f} x its floor, bound by {_bound(point)}"}


def _bound(point: Point) -> str:
    return WORDS.get(point.row.bound_by, "-")
