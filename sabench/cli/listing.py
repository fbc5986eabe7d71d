"""`sabench list`: the catalogue."""

import json
from typing import Annotated

import typer

from sabench.cli.app import app


@app.command("list")
def list_catalogue(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Layers, networks, implementations, metrics, presets and suites."""
    from sabench.report.catalogue import catalogue_json, catalogue_tables
    from sabench.report.consoles import stdout

    if as_json:
        typer.echo(json.dumps(catalogue_json(), indent=2))
    else:
        stdout().print(catalogue_tables())
