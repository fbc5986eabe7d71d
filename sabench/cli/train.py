"""`sabench train`: reduced trainings, so that an accuracy stands beside a latency."""

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
    Isolated,
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
def train(
    context: typer.Context,
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
    out: RunOut = None,
    resume: Resume = None,
    across_env: AcrossEnvironments = False,
    dry_run: DryRun = False,
    isolation: Isolated = None,
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
    """Train a suite's networks by its recipe, several seeds each: a table ranked by accuracy."""
    from sabench.cases.scalars import parse_axes, parse_pairs
    from sabench.launch.request import Request

    request = Request(
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
