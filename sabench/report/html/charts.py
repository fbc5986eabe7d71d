"""The charts, declared in Vega-Altair."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import altair as alt

from sabench.report.html.axes import Axis
from sabench.report.html.theme import Marks

DATA, CURVE = "points", "curve"
"""A chart's sets of data. The page's filter narrows the first; the other stays."""

Value = Mapping[str, str | float]
Stair = Literal["step-before", "step-after"]

LINE = 14  # pixels of a line of words
DOT = 70  # square pixels of a point
MOST_NAMED = 6  # lines of a chart that get their names beside them

SHOWN = ("layer", "label", "case", "told", "interval", "side", "status", "flags")
"""What a tooltip says of a point, where the point has it."""


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
    stair: Stair | None = None,
    dot: int = DOT,
) -> dict[str, Any]:
    """Points with their intervals; `joined`: a line through each series; `stair`: one through
    the front, level before or after each of its points; `dot`: a point's square pixels."""
    ends = curve.points if curve else ()
    across = x.x([*_numbers(values, "x", "x0", "x1"), *(one for one, _ in ends)])
    upwards = y.y([*_numbers(values, "y", "y0", "y1"), *(other for _, other in ends)])
    base = alt.Chart(alt.NamedData(DATA)).encode(x=across, y=upwards, color=_colour(values, marks))
    layers: list[alt.Chart] = []
    if ends:
        line = alt.Chart(alt.NamedData(CURVE)).mark_line(strokeDash=[5, 4], color=marks.theme.muted)
        layers.append(line.encode(x=across, y=upwards))
    if joined:
        line = base.mark_line(strokeWidth=1.5, opacity=0.7)
        layers.append(line.encode(detail="series:N", order=alt.Order("x:Q")))
    if any(value.get("name") for value in values):
        names = base.mark_text(align="left", dx=8, fontSize=11)
        layers.append(names.encode(text="name:N"))
    if stair:
        front = base.transform_filter("datum.standing == 'front'")
        front = front.mark_line(interpolate=stair, strokeWidth=1.2)
        layers.append(front.encode(color=alt.value(marks.theme.muted), order=alt.Order("x:Q")))
    layers.append(base.mark_rule(strokeWidth=1.5).encode(y=alt.Y("y0:Q"), y2="y1:Q"))
    if any("x0" in value for value in values):
        layers.append(base.mark_rule(strokeWidth=1.5).encode(x=alt.X("x0:Q"), x2="x1:Q"))
    dots = base.mark_point(filled=True, size=dot, opacity=1.0)
    layers.append(
        dots.encode(
            shape=_shape(values, marks),
            stroke=_stroke(values, marks),
            fillOpacity=alt.FillOpacity("strength:Q", scale=None, legend=None),
            tooltip=_tooltip(values, x),
        )
    )
    chart = alt.layer(*layers).properties(height=280)
    return _drawn(chart, values, [{"x": one, "y": other} for one, other in ends])


def deviations(values: Sequence[Value], marks: Marks, title: str) -> dict[str, Any]:
    """A row a case: how far it lies from 1, in the order of the values; `words` name it."""
    order = [str(value["words"]) for value in values]
    lines = max(words.count("\n") + 1 for words in order)
    axis = alt.Axis(labelExpr=r"split(datum.label, '\n')", labelLimit=190, grid=True)
    y = alt.Y("words:N", sort=order, title=None, axis=axis)
    x = Axis(title, "times").x([*_numbers(values, "x"), 1.0])
    base = alt.Chart(alt.NamedData(DATA)).encode(y=y, color=_colour(values, marks))
    rule = (
        alt.Chart(alt.NamedData(CURVE))
        .mark_rule(color=marks.theme.muted, strokeWidth=1)
        .encode(x=x)
    )
    stems = base.mark_rule(strokeWidth=2).encode(x=x, x2="even:Q")
    dots = base.mark_point(filled=True, size=DOT, opacity=1.0).encode(
        x=x, shape=_shape(values, marks), tooltip=_tooltip(values)
    )
    height = LINE * (lines + 0.5) * len(values) + 20
    return _drawn(alt.layer(rule, stems, dots).properties(height=height), values, [{"x": 1.0}])


def _numbers(values: Sequence[Value], *fields: str) -> Iterator[float]:
    for value in values:
        yield from (float(value[field]) for field in fields if field in value)


def _colour(values: Sequence[Value], marks: Marks) -> alt.Color:
    scale = alt.Scale(domain=list(marks.names), range=marks.colours)
    return alt.Color("layer:N", scale=scale, legend=_legend(values))


def _stroke(values: Sequence[Value], marks: Marks) -> alt.Stroke:
    """A rim in the colour of the layer, so that a pale dot is seen."""
    scale = alt.Scale(domain=list(marks.names), range=marks.colours)
    return alt.Stroke("layer:N", scale=scale, legend=_legend(values))


def _shape(values: Sequence[Value], marks: Marks) -> alt.Shape:
    scale = alt.Scale(domain=list(marks.names), range=marks.shapes)
    return alt.Shape("layer:N", scale=scale, legend=_legend(values))


def _legend(values: Sequence[Value]) -> alt.Legend:
    """The layers of this chart alone; colours and shapes are the page's."""
    present = sorted({str(value["layer"]) for value in values})
    return alt.Legend(values=present, columns=2, symbolOpacity=1.0)


def _tooltip(values: Sequence[Value], x: Axis | None = None) -> list[alt.Tooltip]:
    present = [name for name in SHOWN if any(value.get(name) for value in values)]
    tips = [alt.Tooltip(f"{name}:N", title=name) for name in present]
    if x and any(value.get("x_told") for value in values):
        tips.insert(3, alt.Tooltip("x_told:N", title=x.title))
    return tips


def _drawn(
    chart: alt.LayerChart | alt.FacetChart, values: Sequence[Value], curve: Sequence[Value]
) -> dict[str, Any]:
    """The Vega-Lite of a chart, held against its schema, with its data."""
    spec: dict[str, Any] = chart.to_dict()
    sets = {DATA: values, CURVE: curve}
    return spec | {"datasets": {name: list(map(dict, one)) for name, one in sets.items() if one}}
