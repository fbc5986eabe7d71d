"""`sabench profile`: the main job."""

import sys
from typing import Annotated

import typer

from sabench.cli.app import app
from sabench.cli.options import (
    AcrossEnvironments,
    AsJson,
    Axes,
    Constants,
    Csv,
    Devices,
    DryRun,
    Filter,
    Isolated,
    LauncherName,
    Markdown,
    MemoryLimit,
    NoLock,
    OnContention,
    Ordered,
    Preset,
    Resume,
    RunOut,
    Strict,
    SuiteName,
    Wait,
)
from sabench.cli.sweeping import Wanted, sweep_and_show


@app.command()
def profile(
    context: typer.Context,
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
    out: RunOut = None,
    resume: Resume = None,
    across_env: AcrossEnvironments = False,
    dry_run: DryRun = False,
    isolation: Isolated = None,
    order: Ordered = "random",
    on_contention: OnContention = "warn",
    wait: Wait = False,
    no_lock: NoLock = False,
    launcher: LauncherName = "process",
    memory_limit: MemoryLimit = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Order of jobs, weights, inputs.")] = None,
    csv: Csv = None,
    markdown: Markdown = None,
    as_json: AsJson = False,
    strict: Strict = False,
) -> None:
    """Measure a suite's layers and networks: a ranked table, and a leaderboard beside it."""
    from sabench.cases.scalars import parse_axes
    from sabench.catalog.presets import parse_constants
    from sabench.launch.request import Request

    request = Request(
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
    wanted = Wanted(
        out=out,
        resume=resume,
        across_env=across_env,
        dry_run=dry_run,
        on_contention=on_contention,
        wait=wait,
        no_lock=no_lock,
        launcher=launcher,
        memory_limit=memory_limit,
        csv=csv,
        markdown=markdown,
        as_json=as_json,
        strict=strict,
    )
    sweep_and_show(context, request, wanted)
