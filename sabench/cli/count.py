"""`sabench count`: parameters and MACs in closed form."""

import json
from typing import Annotated

import typer

from sabench.cli.app import app
from sabench.errors import ConfigError, ExitCode


@app.command()
def count(
    name: Annotated[str, typer.Argument(help="A layer or network of `sabench list`.")],
    options: Annotated[
        list[str] | None,
        typer.Argument(
            help="Options as key=value; LAYER.option=value reaches every such layer of a network."
        ),
    ] = None,
    resolution: Annotated[
        int | None, typer.Option(min=1, help="Image side of a network, map side of a layer.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Also build it, a large one without memory, and count.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Parameters and MACs of a layer or network, without building it."""
    from sabench.cases.choosing import chooser_of
    from sabench.cases.point import single_case
    from sabench.cases.scalars import parse_pairs
    from sabench.catalog.layers import layers
    from sabench.measure.environment import environment
    from sabench.report.consoles import stdout
    from sabench.report.counts import count_json, count_lines

    values = parse_pairs(options or [])
    if resolution is not None:
        key = "size" if name in layers() else "resolution"
        if values.setdefault(key, resolution) != resolution:
            raise ConfigError(f"{key}={values[key]} and --resolution {resolution} disagree")
    case = single_case(name, values, chooser_of([environment("cpu")]))
    counted = None
    if check:
        from sabench.measure.metrics.counts import counts_of

        counted = counts_of(case)
    result = count_json(case, counted)
    if as_json:
        typer.echo(json.dumps(result, indent=2))
    else:
        stdout().print("\n".join(count_lines(result)), markup=False, soft_wrap=True)
    if result.get("agrees") is False:
        raise typer.Exit(ExitCode.REGRESSION)
