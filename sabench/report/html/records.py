"""The table of all records, and what the flags in it mean."""

from collections.abc import Sequence
from dataclasses import dataclass

from sabench.catalog.metrics import METRICS
from sabench.records import FLAG_MEANING, Flag
from sabench.report.columns import SHOWN_AS, TITLES
from sabench.report.html.curves import panel_group
from sabench.report.html.figure import Cell, Sheet, interval_of, name_of, number
from sabench.report.html.points import LATENCY, Point, command_of

SHOWN = (*TITLES, "macs_executed", "peak_rss_growth", "energy_net", "host_time")
"""Metrics that get a column where some record has them."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A record: its cells, and what stands under them."""

    point: Point
    cells: tuple[Cell, ...]
    command: str


@dataclass(frozen=True, slots=True)
class Records:
    """All records of the page, in the order of the files."""

    titles: tuple[str, ...]
    entries: tuple[Entry, ...]
    flags: tuple[Flag, ...]


def records_of(sheet: Sheet) -> Records:
    """A line for every record, measured or not."""
    metrics = [
        name
        for name in dict.fromkeys((sheet.metric, LATENCY, *SHOWN))
        if any(point.figure(name) for point in sheet.points)
    ]
    has_floor = any(point.row.times_floor is not None for point in sheet.points)
    several = len({point.source.name for point in sheet.points}) > 1
    titles = ["rank", "layer"]
    for name in metrics:
        titles.append(name_of(name))
        if name == metrics[0]:
            titles += ["interval", "x conv", *["x floor"] * has_floor, "group"]
    titles += ["status", "flags"] + (["run"] if several else [])
    entries = [
        Entry(
            point,
            tuple(_cells(point, metrics, several=several, has_floor=has_floor)),
            command_of(point),
        )
        for point in sheet.points
    ]
    return Records(tuple(titles), tuple(entries), flags_of(sheet.points))


def flags_of(points: Sequence[Point]) -> tuple[Flag, ...]:
    """Every flag that some record has, in the order of their declaration."""
    present = {flag for point in points for flag in point.row.flags}
    return tuple(flag for flag in Flag if flag in present)


def _cells(point: Point, metrics: list[str], *, several: bool, has_floor: bool) -> list[Cell]:
    row = point.row
    rank = f"{row.rank}{'=' if row.tied else ''}" if row.rank is not None else "-"
    cells = [Cell(rank, row.rank), Cell(point.label)]
    for name in metrics:
        figure = point.figure(name)
        show = SHOWN_AS[METRICS[name].show]
        if figure is None or figure.headline is None:
            cells.append(Cell("-"))
        else:
            cells.append(Cell(show(figure.headline), figure.headline))
        if name == metrics[0]:
            told = interval_of(figure, name) if figure else "-"
            cells += [Cell(told), number(row.relative, "{:.2f}".format)]
            cells += [number(row.times_floor, "{:.2f}".format)] * has_floor
            cells.append(Cell(panel_group(point)))
    flags = Cell(" ".join(row.flags), title=" · ".join(FLAG_MEANING[flag] for flag in row.flags))
    cells += [Cell(point.status, title=" · ".join(point.messages)), flags]
    return cells + ([Cell(point.source.name)] if several else [])
