"""`sabench tune`: which implementation `auto` stands for here."""

import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from sabench.cli.app import app
from sabench.cli.options import Axes, Devices, Filter, Preset
from sabench.cli.sweeping import sweeps

if TYPE_CHECKING:
    from sabench.launch.request import Request
    from sabench.store.leaderboard import Leaderboard


def _keep(board: "Leaderboard") -> str:
    from sabench.launch.tune import keep_choices
    from sabench.report.tune import choices_lines

    return choices_lines(keep_choices(board))


@app.command()
@partial(sweeps, after=_keep)
def tune(
    device: Devices = None,
    preset: Preset = "quick",
    axis: Axes = None,
    filter: Filter = "",
    seed: Annotated[int | None, typer.Option(min=0, help="Order of jobs.")] = None,
) -> "Request":
    """Measure each layer in every implementation, and let `auto` be the fastest from now on."""
    from sabench.cases.scalars import parse_axes
    from sabench.launch.request import Request

    return Request(
        suite="tune",
        device=device,
        preset=preset,
        axes=parse_axes(axis or []),
        filter=filter,
        seed=seed,
        command_line=("sabench", *sys.argv[1:]),
    )
