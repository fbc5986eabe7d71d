"""`sabench tune`: which implementation `auto` stands for here."""

import sys
from functools import partial
from typing import TYPE_CHECKING

from sabench.cli.app import app
from sabench.cli.options import Axes, Devices, Filter, OrderSeed, Preset
from sabench.cli.sweeping import After, sweeps
from sabench.errors import ExitCode

if TYPE_CHECKING:
    from sabench.launch.request import Request
    from sabench.store.leaderboard import Leaderboard

SUITE = "tune"


def _keep(board: "Leaderboard") -> After:
    from sabench.launch.tune import keep_choices
    from sabench.report.tune import choices_json, choices_lines

    if not board.is_complete:
        text = "auto stays as it was: the run is not complete; sabench tune --resume RUN goes on"
        return After(text, {"choices": []})
    tuned = keep_choices(board)
    code = ExitCode.OK if any(one.is_decided for one in tuned) else ExitCode.UNRELIABLE
    return After(choices_lines(tuned), {"choices": choices_json(tuned)}, code)


@app.command()
@partial(sweeps, after=_keep, suite=SUITE)
def tune(
    device: Devices = None,
    preset: Preset = "quick",
    axis: Axes = None,
    filter: Filter = "",
    seed: OrderSeed = None,
) -> "Request":
    """Measure each layer in our implementations, and let `auto` be the fastest from now on."""
    from sabench.cases.scalars import parse_axes
    from sabench.launch.request import Request

    return Request(
        suite=SUITE,
        device=device,
        preset=preset,
        axes=parse_axes(axis or []),
        filter=filter,
        seed=seed,
        command_line=("sabench", *sys.argv[1:]),
    )
