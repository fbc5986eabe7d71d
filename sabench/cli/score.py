"""`sabench score`: what is known of a network before it is trained."""

import sys
from typing import Annotated

import typer

from sabench.cli.app import app
from sabench.cli.options import (
    AcrossEnvironments,
    AsJson,
    Axes,
    Csv,
    Devices,
    DryRun,
    Filter,
    LauncherName,
    Markdown,
    NoLock,
    OnContention,
    Resume,
    RunOut,
    Strict,
    SuiteName,
    Wait,
)
from sabench.cli.sweeping import Wanted, sweep_and_show


@app.command()
def score(
    context: typer.Context,
    suite: SuiteName = "proxies",
    data: Annotated[
        str, typer.Option(help="The data that the minibatch is of: as for `train`.")
    ] = "",
    device: Devices = None,
    preset: Annotated[
        str, typer.Option(help="quick, standard or strict: 3, 5 or 10 draws of the weights.")
    ] = "quick",
    axis: Axes = None,
    filter: Filter = "",
    out: RunOut = None,
    resume: Resume = None,
    across_env: AcrossEnvironments = False,
    dry_run: DryRun = False,
    on_contention: OnContention = "warn",
    wait: Wait = False,
    no_lock: NoLock = False,
    launcher: LauncherName = "process",
    seed: Annotated[int | None, typer.Option(min=0, help="Order of jobs.")] = None,
    csv: Csv = None,
    markdown: Markdown = None,
    as_json: AsJson = False,
    strict: Strict = False,
) -> None:
    """Score a suite's networks without training them: eight zero-cost scores on one minibatch."""
    from sabench.cases.scalars import parse_axes
    from sabench.launch.request import Request

    request = Request(
        suite=suite,
        device=device,
        preset=preset,
        axes=parse_axes(axis or []),
        filter=filter,
        seed=seed,
        purpose="score",
        data=data,
        command_line=("sabench", *sys.argv[1:]),
    )
    wanted = Wanted(
        out=out,
        resume=resume,
        across_env=across_env,
        dry_run=dry_run,
        on_contention=on_contention,
        wait=wait,
        no_lock=no_lock,
        launcher=launcher,
        memory_limit=None,
        csv=csv,
        markdown=markdown,
        as_json=as_json,
        strict=strict,
    )
    sweep_and_show(context, request, wanted)
