"""A figure of the page: panels that are drawn, and the table under them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sabench.catalog.metrics import METRICS
from sabench.report.columns import SHOWN_AS, TITLES
from sabench.report.html.axes import Axis
from sabench.report.html.points import Point, drawable
from sabench.report.html.theme import Marks
from sabench.report.plain import plain
from sabench.stats import Interval
from sabench.store import figure as figures

SHORT = TITLES | {
    "macs_executed": "MACs executed",
    "peak_rss_growth": "growth of RSS",
    "energy_net": "net energy",
    "host_time": "host time",
}
"""Metrics by fewer words than their titles."""

LEAST = 3  # points of a chart that is worth drawing

MOST_PANELS = 12
"""Drawn of one figure; its table has them all."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What a table shows, and the number it is sorted by."""

    text: str
    sort: float | None = None
    title: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a table, and the records it stands for."""

    cells: tuple[Cell, ...]
    numbers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """Titles and lines. Sorted and filtered in the browser, whole without one."""

    titles: tuple[str, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart, in Vega-Lite."""

    title: str
    spec: dict[str, Any]


Drawing = tuple[str, Callable[[], dict[str, Any]]]
"""A panel that is not drawn yet."""


@dataclass(frozen=True, slots=True)
class Figure:
    """`name` is what --chart calls it; `says` stands under its title."""

    name: str
    title: str
    says: tuple[str, ...]
    panels: tuple[Panel, ...]
    table: Table


@dataclass(frozen=True, slots=True)
class Sheet:
    """What all figures are made of."""

    points: Sequence[Point]
    metric: str
    marks: Marks

    @property
    def name(self) -> str:
        """The metric in a word or two."""
        return name_of(self.metric)

    @property
    def axis(self) -> Axis:
        """The metric's."""
        return axis_of(self.metric)

    @property
    def drawn(self) -> list[Point]:
        """Those that have the metric."""
        return [point for point in self.points if point.value(self.metric) is not None]

    def shown(self, value: float) -> str:
        """The metric's value as a person reads it."""
        return SHOWN_AS[METRICS[self.metric].show](value)

    def value_of(self, point: Point, x: float, **more: str | float) -> dict[str, str | float]:
        """A point of a chart: the metric upwards, `x` to the right."""
        figure = point.figure(self.metric)
        assert figure is not None
        assert figure.headline is not None
        interval = figure.interval
        low, high = (
            (interval.low, interval.high) if interval else (figure.headline, figure.headline)
        )
        told: dict[str, str | float] = {
            "id": point.number,
            "layer": plain(point.layer),
            "label": plain(point.label),
            "case": plain(point.row.case_id),
            "side": plain(point.side),
            "status": point.status,
            "flags": " ".join(point.row.flags),
            "told": self.shown(figure.headline),
            "interval": interval_of(figure, self.metric),
            "strength": 1.0 if point.is_measured else 0.35,
            "x": x,
            "y": figure.headline,
            "y0": drawable(low) or figure.headline,
            "y1": high,
        }
        return told | more

    def cells(self, point: Point) -> list[Cell]:
        """A point's metric and its interval, for a table."""
        figure = point.figure(self.metric)
        if figure is None or figure.headline is None:
            return [Cell(str(point.row.status)), Cell("-")]
        shown = Cell(self.shown(figure.headline), figure.headline)
        return [shown, Cell(interval_of(figure, self.metric))]


def name_of(metric: str) -> str:
    """A metric in a word or two, for titles and the heads of tables."""
    return SHORT.get(metric, METRICS[metric].title)


def axis_of(metric: str) -> Axis:
    """The side of a chart along which a metric is drawn."""
    row, name = METRICS[metric], name_of(metric)
    return Axis(name if name == row.title else f"{name}: {row.title}", row.show)


def number(value: float | None, show: Callable[[float], str]) -> Cell:
    """A cell of a number that may be missing."""
    return Cell("-") if value is None else Cell(show(value), value)


def capped(panels: Sequence[Drawing]) -> tuple[tuple[Panel, ...], tuple[str, ...]]:
    """The panels that are drawn, and what to say of the others."""
    found = tuple(Panel(title, draw()) for title, draw in panels[:MOST_PANELS])
    left = len(panels) - len(found)
    if not left:
        return found, ()
    return found, (
        f"{left} more groups are in the table and not drawn; --filter draws fewer cases.",
    )


def by_group(points: Iterable[Point], key: Callable[[Point], str]) -> dict[str, list[Point]]:
    """The points under each key, in the order they come."""
    groups: dict[str, list[Point]] = {}
    for point in points:
        groups.setdefault(key(point), []).append(point)
    return groups


def between(interval: Interval) -> str:
    """Of a number near 1."""
    return f"{interval.low:.2f} to {interval.high:.2f}"


def interval_of(figure: figures.Figure, metric: str) -> str:
    """The interval of a metric and its kind, in words; '-' where there is none."""
    if figure.interval is None:
        return "-"
    kind = {
        "t": "95 %",
        "order": "95 % within one process",
        "range": "range",
        "mean": "95 % of the mean",
    }
    show = SHOWN_AS[METRICS[metric].show]
    low, high = show(figure.interval.low), show(figure.interval.high)
    return f"{low} to {high} ({kind[figure.interval_kind]})"
