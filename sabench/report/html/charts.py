"""The charts, declared in Vega-Altair."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from sabench.report.html.theme import Marks
from sabench.report.plain import plain

DATA = "points"
"""The data set that the page's filter narrows; what else a chart draws stays."""

Value = Mapping[str, str | float | int | None]

FORMATS = {
    "time": "format(datum.value, '.3~s') + 's'",
    "bytes": "format(datum.value, '.3~s') + 'B'",
    "energy": "format(datum.value, '.3~s') + 'J'",
    "count": "format(datum.value, '.3~s')",
    "rate": "format(datum.value, '.3~s') + '/s'",
    "number": "format(datum.value, '.4~g')",
}

LINE = 19  # pixels of a case in a list

SHOWN = ("layer", "case", "told", "interval", "side", "status", "flags")
"""What a tooltip says of a point, where the point has it."""


@dataclass(frozen=True, slots=True)
class Axis:
    """What stands along one side of a chart."""

    title: str
    show: str  # a key of FORMATS
    is_log: bool = True
    ticks: tuple[float, ...] = ()

    def x(self) -> alt.X:
        """It as the channel from left to right."""
        return alt.X("x:Q", scale=self._scale(), axis=self._axis(5), title=plain(self.title))

    def y(self) -> alt.Y:
        """It as the channel from below upwards."""
        return alt.Y("y:Q", scale=self._scale(), axis=self._axis(6), title=plain(self.title))

    def _scale(self) -> alt.Scale:
        if self.is_log:
            return alt.Scale(type="log", nice=False, padding=14)
        return alt.Scale(zero=False, nice=False, padding=14)

    def _axis(self, count: int) -> alt.Axis:
        label = FORMATS[self.show]
        if self.ticks:
            return alt.Axis(values=list(self.ticks), labelExpr=label, labelOverlap=True)
        return alt.Axis(tickCount=count, labelExpr=label, labelOverlap=True)


@dataclass(frozen=True, slots=True)
class Curve:
    """A line that belongs to no case: what MACs say, a roof, equal time."""

    points: tuple[tuple[float, float], ...]


def scatter(
    values: Sequence[Value],
    marks: Marks,
    x: Axis,
    y: Axis,
    *,
    joined: bool = False,
    curve: Curve | None = None,
    stepped: bool = False,
) -> dict[str, Any]:
    """Points with their intervals; `joined`: a line through each series; `stepped`: a stair
    through the front."""
    data = alt.InlineData(values=[dict(value) for value in values], name=DATA)
    base = alt.Chart(data).encode(x=x.x(), y=y.y(), color=_colour(marks))
    layers: list[alt.Chart] = []
    if curve:
        ends = [{"x": one, "y": other} for one, other in curve.points]
        line = alt.Chart(alt.InlineData(values=ends, name="curve")).mark_line(
            strokeDash=[5, 4], strokeWidth=1.5, color=marks.theme.muted
        )
        layers.append(line.encode(x=x.x(), y=y.y()))
    if joined:
        line = base.mark_line(strokeWidth=1.5, opacity=0.7)
        layers.append(line.encode(detail="series:N", order=alt.Order("x:Q")))
    if stepped:
        stair = base.transform_filter("datum.standing == 'front'").mark_line(
            interpolate="step-after", strokeWidth=1.2, color=marks.theme.muted
        )
        layers.append(stair.encode(color=alt.value(marks.theme.muted), order=alt.Order("x:Q")))
    layers.append(base.mark_rule(strokeWidth=1.5).encode(y=alt.Y("y0:Q"), y2="y1:Q"))
    if any("x0" in value for value in values):
        layers.append(base.mark_rule(strokeWidth=1.5).encode(x=alt.X("x0:Q"), x2="x1:Q"))
    dots = base.mark_point(filled=True, size=70, strokeWidth=1.5)
    layers.append(
        dots.encode(
            shape=_shape(marks),
            opacity=alt.Opacity("strength:Q", scale=None, legend=None),
            tooltip=_tooltip(values, x, y),
        )
    )
    return _drawn(alt.layer(*layers).properties(height=280))


def deviations(values: Sequence[Value], marks: Marks, title: str) -> dict[str, Any]:
    """A row a case: how far it lies from 1, the furthest at the top."""
    data = alt.InlineData(values=[dict(value) for value in values], name=DATA)
    order = alt.EncodingSortField("x", order="descending")
    y = alt.Y("label:N", sort=order, title=None, axis=alt.Axis(labelLimit=170, grid=True))
    axis = alt.Axis(labelExpr="format(datum.value, '.3~g') + ' x'", tickCount=5, labelOverlap=True)
    x = alt.X("x:Q", scale=alt.Scale(type="log", nice=False, padding=14), axis=axis, title=title)
    base = alt.Chart(data).encode(y=y, color=_colour(marks))
    even = alt.Chart(alt.InlineData(values=[{"x": 1.0}], name="curve"))
    rule = even.mark_rule(color=marks.theme.muted, strokeWidth=1).encode(x=x)
    stems = base.mark_rule(strokeWidth=2).encode(x=x, x2="even:Q")
    dots = base.mark_point(filled=True, size=70).encode(
        x=x, shape=_shape(marks), tooltip=_tooltip(values)
    )
    return _drawn(alt.layer(rule, stems, dots).properties(height=LINE * len(values) + 20))


def _colour(marks: Marks) -> alt.Color:
    scale = alt.Scale(domain=list(marks.names), range=marks.colours)
    return alt.Color("layer:N", scale=scale, legend=_legend(marks))


def _shape(marks: Marks) -> alt.Shape:
    scale = alt.Scale(domain=list(marks.names), range=marks.shapes)
    return alt.Shape("layer:N", scale=scale, legend=_legend(marks))


def _legend(marks: Marks) -> alt.Legend:
    return alt.Legend(columns=2 if len(marks.names) > 3 else 3)


def _tooltip(values: Sequence[Value], *axes: Axis) -> list[alt.Tooltip]:
    present = [name for name in SHOWN if any(value.get(name) for value in values)]
    tips = [alt.Tooltip(f"{name}:N", title=name) for name in present]
    for axis, field in zip(axes, ("x_told:N", "y_told:N"), strict=False):
        if any(value.get(field[:-2]) for value in values):
            tips.insert(2, alt.Tooltip(field, title=axis.title))
    return tips


def _drawn(chart: alt.LayerChart | alt.FacetChart) -> dict[str, Any]:
    """The Vega-Lite of a chart, held against its schema."""
    spec: dict[str, Any] = chart.to_dict()
    return spec
