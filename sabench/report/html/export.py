"""One figure of the page as a picture for a paper, and all of them as JSON."""

from pathlib import Path
from typing import Any

import altair as alt
import vl_convert

from sabench.errors import ConfigError
from sabench.report.html.figure import Figure, Table
from sabench.report.html.page import Page
from sabench.report.plain import plain

WIDTH = 440
PER_LINE = 2
SCALE = 2.0  # pixels of a PNG for each of the SVG's


def picture(page: Page, name: str, path: Path) -> bytes:
    """A figure with all its panels, as the file's ending says.

    Raises: ConfigError for a figure the runs do not give, or another ending.
    """
    named = {figure.name: figure for figure in page.figures}
    if name not in named:
        there = f"there are {', '.join(named)}" if named else "these runs give none"
        raise ConfigError(f"--chart {name}: no such chart; {there}")
    if path.suffix not in (".svg", ".png"):
        raise ConfigError(f"{path}: a chart is written as .svg or .png")
    spec = _together(named[name], page)
    version = ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
    if path.suffix == ".svg":
        return vl_convert.vegalite_to_svg(spec, vl_version=version).encode()
    return vl_convert.vegalite_to_png(spec, vl_version=version, scale=SCALE)


def page_json(page: Page) -> dict[str, Any]:
    """What the page's tables say, for another program."""
    return {
        "runs": [source.name for source in page.sources],
        "figures": [
            {
                "name": figure.name,
                "title": figure.title,
                "says": list(figure.says),
                "rows": _rows(figure.table),
            }
            for figure in page.figures
        ],
        "records": [
            {
                "case_id": entry.point.row.case_id,
                "side": entry.point.side,
                "run": entry.point.source.name,
                "status": entry.point.row.status,
                "command": entry.command,
            }
            for entry in page.records.entries
        ],
    }


def _rows(table: Table) -> list[dict[str, str | float]]:
    return [
        {
            title: cell.text if cell.sort is None else cell.sort
            for title, cell in zip(table.titles, line.cells, strict=True)
        }
        for line in table.lines
    ]


def _together(figure: Figure, page: Page) -> dict[str, Any]:
    """The panels beside each other; each under its own title, with its own data."""
    panels: list[dict[str, Any]] = []
    sets: dict[str, Any] = {}
    for number, panel in enumerate(figure.panels):
        spec = _renamed(panel.spec, f"-{number}")
        sets |= {f"{name}-{number}": one for name, one in spec.pop("datasets").items()}
        kept = {key: value for key, value in spec.items() if key not in ("$schema", "config")}
        panels.append({**kept, "width": WIDTH, "title": plain(panel.title)})
    return {
        "$schema": figure.panels[0].spec["$schema"],
        "config": page.sheet.marks.theme.config(),
        "columns": PER_LINE,
        "concat": panels,
        "datasets": sets,
        "spacing": 30,
    }


def _renamed(spec: dict[str, Any], ending: str) -> dict[str, Any]:
    """With names of data sets that are the panel's own."""
    spec = dict(spec)
    if "data" in spec:
        spec["data"] = {"name": spec["data"]["name"] + ending}
    if "layer" in spec:
        spec["layer"] = [_renamed(layer, ending) for layer in spec["layer"]]
    return spec
