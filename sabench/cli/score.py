"""`sabench score`: what is known of a network before it is trained."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from sabench.cli.app import app
from sabench.cli.options import (
    Axes,
    Devices,
    Filter,
    OrderSeed,
    SuiteName,
)
from sabench.cli.sweeping import sweeps

if TYPE_CHECKING:
    from sabench.launch.request import Request


@app.command()
@sweeps
def score(
    suite: SuiteName = "proxies",
    data: Annotated[
        str, typer.Option(help="The data that the minibatch is of: as for `train`.")
    ] = "",
    score: Annotated[
        list[str] | None,
        typer.Option(help="One of the eight, or a variant: synflow_absolute. Repeatable."),
    ] = None,
    device: Devices = None,
    preset: Annotated[
        str, typer.Option(help="quick, standard or strict: 3, 5 or 10 draws of the weights.")
    ] = "quick",
    axis: Axes = None,
    filter: Filter = "",
    seed: OrderSeed = None,
) -> "Request":
    """Score a suite's networks without training them: eight zero-cost scores on one minibatch."""
    from sabench.cases.scalars import parse_axes
    from sabench.catalog.scores import SCORES
    from sabench.launch.request import Request

    return Request(
        suite=suite,
        device=device,
        preset=preset,
        axes=parse_axes(axis or []),
        filter=filter,
        seed=seed,
        purpose="score",
        data=data,
        scores=score or tuple(SCORES),
        command_line=("sabench", *sys.argv[1:]),
    )
