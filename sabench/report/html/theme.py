"""Colours and marks: told apart without colour, by the colour-blind, on light and on dark."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

SHAPES = (
    *("circle", "square", "triangle-up", "diamond"),
    *("triangle-down", "cross", "triangle-right", "triangle-left"),
)
LIGHT = ("#366fe8", "#bf7b04", "#1aa77e", "#7b289a", "#32546d", "#77672a", "#3d2f2c", "#5012d2")
DARK = ("#4eace4", "#f56e31", "#1afb9d", "#cf8599", "#ffda37", "#f4ffff", "#9074ff", "#7c598c")
"""Sought from the hues of Okabe and Ito 2008 (jfly.uni-koeln.de/color) so that any two stay apart
for every kind of colour blindness, and each stands out from its background by 3 to 1."""


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
