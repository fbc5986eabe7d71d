"""`sabench train`: reduced trainings, so that an accuracy stands beside a latency."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from sabench.cli.app import app
from sabench.cli.options import (
    Axes,
    Devices,
    Filter,
    Isolated,
    OrderSeed,
    SuiteName,
)
from sabench.cli.sweeping import sweeps

if TYPE_CHECKING:
    from sabench.launch.request import Request


@app.command()
@sweeps
def train(
    suite: SuiteName = "proxies",
    data: Annotated[
        str,
        typer.Option(help="digits, xor:distance=6, ..., or a path: images, CIFAR binary, .npz."),
    ] = "",
    device: Devices = None,
    preset: Annotated[
        str, typer.Option(help="quick, standard or strict: 3, 5 or 10 seeds.")
    ] = "quick",
    axis: Axes = None,
    set: Annotated[
        list[str] | None, typer.Option(help="A key of the suite's recipe: epochs=24. Repeatable.")
    ] = None,
    filter: Filter = "",
    isolation: Isolated = None,
    seed: OrderSeed = None,
) -> "Request":
    """Train a suite's networks by its recipe, several seeds each: a table ranked by accuracy."""
    from sabench.cases.scalars import parse_axes, parse_pairs
    from sabench.launch.request import Request

    return Request(
        suite=suite,
        device=device,
        preset=preset,
        axes=parse_axes(axis or []),
        recipe=parse_pairs(set or []),
        filter=filter,
        isolation=isolation,
        seed=seed,
        purpose="train",
        data=data,
        command_line=("sabench", *sys.argv[1:]),
    )
