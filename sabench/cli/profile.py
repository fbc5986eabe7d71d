"""`sabench profile`: the main job."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from sabench.cli.app import app
from sabench.cli.options import (
    Axes,
    Constants,
    Devices,
    Filter,
    Isolated,
    Ordered,
    Preset,
    Seed,
    SuiteName,
)
from sabench.cli.sweeping import sweeps

if TYPE_CHECKING:
    from sabench.launch.request import Request


@app.command()
@sweeps
def profile(
    suite: SuiteName = "quick",
    layer: Annotated[
        list[str] | None,
        typer.Option(help="A layer of your own beside the suite's, FILE.py:Class. Runs its code."),
    ] = None,
    device: Devices = None,
    preset: Preset = "quick",
    set: Constants = None,
    axis: Axes = None,
    filter: Filter = "",
    isolation: Isolated = None,
    order: Ordered = "random",
    seed: Seed = None,
) -> "Request":
    """Measure a suite's layers and networks: a ranked table, and a leaderboard beside it."""
    from sabench.cases.scalars import parse_axes
    from sabench.catalog.presets import parse_constants
    from sabench.launch.request import Request

    return Request(
        suite=suite,
        layers=layer or (),
        device=device,
        preset=preset,
        constants=parse_constants(set or []),
        axes=parse_axes(axis or []),
        filter=filter,
        isolation=isolation,
        order=order,
        seed=seed,
        command_line=("sabench", *sys.argv[1:]),
    )
