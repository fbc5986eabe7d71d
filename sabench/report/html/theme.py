"""Colours and marks: told apart without colour, by the colour-blind, on light and on dark."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

SHAPES = (
    *("circle", "square", "triangle-up", "diamond"),
    *("triangle-down", "cross", "triangle-right", "triangle-left"),
)
LIGHT = ("#0072b2", "#d55e00", "#007d5c", "#aa3377", "#8a6a00", "#3b3b3b", "#5b3fa8", "#00778a")
DARK = ("#56b4e9", "#ff9d3b", "#3ddc97", "#f08bc8", "#f0e442", "#dddddd", "#b39dff", "#4dd0e1")
"""Eight hues by Okabe and Ito 2008 (jfly.uni-koeln.de/color), darkened or lightened so that each
stands out from its background by 3 to 1."""


@dataclass(frozen=True, slots=True)
class Theme:
    """What a chart is drawn with. On a page the colours are the style sheet's, by name."""

    text: str
    muted: str
    grid: str
    background: str | None
    palette: tuple[str, ...]

    def config(self) -> dict[str, Any]:
        """Vega-Lite's configuration."""
        axis = {
            "labelColor": self.muted,
            "titleColor": self.text,
            "gridColor": self.grid,
            "domainColor": self.muted,
            "tickColor": self.muted,
            "labelFontSize": 12,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
        }
        legend = {
            "labelColor": self.text,
            "titleColor": self.text,
            "labelFontSize": 12,
            "orient": "bottom",
            "title": None,
            "labelLimit": 220,
            "symbolStrokeWidth": 2,
        }
        return {
            "background": self.background,
            "font": "system-ui, sans-serif",
            "view": {"stroke": None},
            "axis": axis,
            "legend": legend,
            "title": {"color": self.text, "fontSize": 13, "anchor": "start"},
        }


PAGE = Theme(
    text="var(--text)",
    muted="var(--muted)",
    grid="var(--grid)",
    background=None,
    palette=tuple(f"var(--c{number})" for number in range(len(LIGHT))),
)
PAPER = Theme(text="#111111", muted="#444444", grid="#dddddd", background="white", palette=LIGHT)


@dataclass(frozen=True, slots=True)
class Marks:
    """A colour and a shape for every layer, the same in all charts; 64 before one comes again."""

    names: tuple[str, ...]
    theme: Theme

    @classmethod
    def of(cls, names: Iterable[str], theme: Theme) -> "Marks":
        """In alphabetical order, so that a page's colours do not hang on its order."""
        return cls(tuple(sorted(set(names))), theme)

    @property
    def colours(self) -> list[str]:
        """One a name, in their order."""
        palette = self.theme.palette
        return [palette[place % len(palette)] for place in range(len(self.names))]

    @property
    def shapes(self) -> list[str]:
        """One a name; another once the colours begin again."""
        count = len(SHAPES)
        return [SHAPES[(place + place // count) % count] for place in range(len(self.names))]
