"""The sides of a chart: what they span and where they are labelled."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import altair as alt

from sabench.report.plain import plain

FORMATS = {
    "time": "format(datum.value, '.3~s') + 's'",
    "bytes": "format(datum.value, '.3~s') + 'B'",
    "energy": "format(datum.value, '.3~s') + 'J'",
    "power": "format(datum.value, '.3~s') + 'W'",
    "count": "format(datum.value, '.3~s')",
    "rate": "format(datum.value, '.3~s') + '/s'",
    "number": "format(datum.value, '.4~r')",
    "share": "format(datum.value, '.3~%')",
    "times": "format(datum.value, '.3~r') + ' x'",
}

MARGIN = 0.06  # of the span, on each side
FEW_DECADES = 0.7  # below it, more than 1, 2 and 5 are labelled


@dataclass(frozen=True, slots=True)
class Axis:
    """A side of a chart, logarithmic unless `even`. Its span stays when points are filtered out."""

    title: str
    show: str  # a key of FORMATS
    ticks: tuple[float, ...] = ()  # where it is labelled; at 1, 2, 5, ... where there are none
    even: bool = False  # equal steps, labelled where the chart's library sees fit

    def x(self, values: Iterable[float]) -> alt.X:
        """It as the channel from left to right."""
        scale, axis = self._spanning(list(values))
        return alt.X("x:Q", scale=scale, axis=axis, title=plain(self.title))

    def y(self, values: Iterable[float]) -> alt.Y:
        """It as the channel from below upwards."""
        scale, axis = self._spanning(list(values))
        return alt.Y("y:Q", scale=scale, axis=axis, title=plain(self.title))

    def _spanning(self, values: list[float]) -> tuple[alt.Scale, alt.Axis]:
        if self.even:
            scale = alt.Scale(domain=[min(values), max(values)], nice=True, zero=False)
            step = 1 if self.show == "number" else alt.Undefined
            label = FORMATS[self.show]
            return scale, alt.Axis(labelExpr=label, labelOverlap="greedy", tickMinStep=step)
        low, high = span(values)
        ticks, label = list(self.ticks or log_ticks(low, high)), FORMATS[self.show]
        scale = alt.Scale(type="log", domain=[low, high], nice=False)
        return scale, alt.Axis(values=ticks, labelExpr=label, labelOverlap="greedy")


def span(values: list[float]) -> tuple[float, float]:
    """From below the least to above the greatest value."""
    low, high = min(values), max(values)
    factor = max((high / low) ** MARGIN, 1.1)
    return low / factor, high * factor


def log_ticks(low: float, high: float) -> tuple[float, ...]:
    """1, 2 and 5 times the powers of ten that lie between; more of them where that is little."""
    steps: tuple[float, ...] = (1.0, 2.0, 5.0)
    if math.log10(high / low) < FEW_DECADES:
        steps = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found = (float(f"{step:g}e{power}") for power in powers for step in steps)
    return tuple(tick for tick in found if low <= tick <= high)
