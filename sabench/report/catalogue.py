"""The catalogue, as tables and as JSON."""

from typing import Any

from rich import box
from rich.console import Group as Lines
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from sabench.cases.axes import AXES
from sabench.cases.suite import suite_names
from sabench.catalog.implementations import IMPLEMENTATIONS
from sabench.catalog.launchers import LAUNCHERS
from sabench.catalog.layers import layers
from sabench.catalog.metrics import METRICS
from sabench.catalog.networks import networks
from sabench.catalog.presets import PRESETS
from sabench.catalog.rows import Options
from sabench.catalog.runtimes import RUNTIMES

RUNTIMES_SHOWN = [name for name, row in RUNTIMES.items() if not row.for_tests]


def catalogue_json() -> dict[str, Any]:
    """Every table of the catalogue, with options and their defaults."""
    return {
        "layers": {
            row.name: {
                "title": row.title,
                "source": row.source,
                "year": row.year,
                "options": row.options().model_dump(mode="json"),
                "has_closed_form": row.cost is not None,
            }
            for row in layers().values()
        },
        "networks": {
            row.name: {
                "title": row.title,
                "source": row.source,
                "year": row.year,
                "resolution": row.resolution,
                "options": row.defaults.model_dump(mode="json"),
            }
            for row in networks().values()
        },
        "axes": list(AXES),
        "implementations": list(IMPLEMENTATIONS),
        "runtimes": RUNTIMES_SHOWN,
        "launchers": list(LAUNCHERS),
        "metrics": {
            row.name: {"unit": row.unit, "better": row.better, "title": row.title}
            for row in METRICS.values()
        },
        "presets": {row.name: row.model_dump(mode="json") for row in PRESETS.values()},
        "suites": suite_names(),
    }


def catalogue_tables() -> RenderableType:
    """Layers and networks with their options, then the names of everything else."""
    return Lines(
        _table("layer", [(r.name, r.title, r.source, r.options()) for r in layers().values()]),
        Text(),
        _table("network", [(r.name, r.title, r.source, r.defaults) for r in networks().values()]),
        Text(),
        _names("axes", list(AXES)),
        _names("implementations", [*IMPLEMENTATIONS, "auto"]),
        _names("runtimes", RUNTIMES_SHOWN),
        _names("launchers", list(LAUNCHERS)),
        _names("metrics", list(METRICS)),
        _names("presets", list(PRESETS)),
        _names("suites", suite_names()),
        Text("Options are given as key=value: sabench count halo channels=128 size=28 block=7"),
    )


def _table(kind: str, rows: list[tuple[str, str, str, Options]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(kind, no_wrap=True, style="bold")
    table.add_column("what it is, source", overflow="fold")
    table.add_column("options and defaults", overflow="fold")
    for name, title, source, options in rows:
        values = options.model_dump(mode="json").items()
        shown = " ".join(f"{key}={_lower(value)}" for key, value in values)
        table.add_row(name, Text(f"{title}, {source}"), Text(shown))
    return table


def _names(kind: str, names: list[str]) -> Text:
    return Text.assemble((f"{kind}: ", "bold"), ", ".join(names))


def _lower(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
