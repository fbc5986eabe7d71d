"""`sabench profile`: the main job."""

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from sabench.cli.app import app
from sabench.cli.targets import check_targets
from sabench.errors import ConfigError

PLANS = (
    *("suite", "layer", "device", "preset", "set", "axis", "filter", "out"),
    *("isolation", "order", "seed"),
)
"""Options that plan a run: none of them can stand beside --resume."""


@app.command()
def profile(
    context: typer.Context,
    suite: Annotated[str, typer.Option(help="A suite's name or file.")] = "quick",
    layer: Annotated[
        list[str] | None,
        typer.Option(help="A layer of your own beside the suite's, FILE.py:Class. Runs its code."),
    ] = None,
    device: Annotated[
        str | None, typer.Option(help=r"auto, cpu, cuda, cuda:0,cuda:1 or all.  \[default: auto]")
    ] = None,
    preset: Annotated[str, typer.Option(help="quick, standard or strict.")] = "quick",
    set: Annotated[
        list[str] | None,
        typer.Option(
            help="Alter a constant of the preset: half_width=0.02. `accept` refuses the run."
        ),
    ] = None,
    axis: Annotated[
        list[str] | None,
        typer.Option(help="Replace an axis: window=3,5,7 or 'mix=conv;conv,conv,halo,halo'."),
    ] = None,
    filter: Annotated[str, typer.Option(help="Keep case ids with this text or glob.")] = "",
    out: Annotated[Path | None, typer.Option(help="The run folder to make.")] = None,
    resume: Annotated[
        Path | None, typer.Option(help="Go on with an interrupted run folder.")
    ] = None,
    across_env: Annotated[
        bool, typer.Option("--across-env", help="Resume although the environment has changed.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show cases, what is dropped and why, and the time.")
    ] = False,
    isolation: Annotated[
        Literal["suite", "case"] | None,
        typer.Option(help=r"What shares a process.  \[default: suite; at strict: case]"),
    ] = None,
    order: Annotated[
        Literal["random", "grouped"],
        typer.Option(help="Of cases: random and seeded, or as in the suite, for debugging."),
    ] = "random",
    on_contention: Annotated[
        str, typer.Option(help="When others use the device: warn, wait:60s or fail (exit 5).")
    ] = "warn",
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for another sabench on the device.")
    ] = False,
    no_lock: Annotated[
        bool, typer.Option("--no-lock", help="Measure beside another sabench on the device.")
    ] = False,
    launcher: Annotated[str, typer.Option(help="process, or inline for debugging.")] = "process",
    memory_limit: Annotated[
        str | None, typer.Option(help="Address space of a CPU child: 8GiB, or none.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Order of jobs, weights, inputs.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Also write the table as CSV.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Also write it as Markdown.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, not the table.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit 6 unless every case is ok or ok_flagged.")
    ] = False,
) -> None:
    """Measure a suite's layers and networks: a ranked table, and a leaderboard beside it."""
    from sabench.cases.scalars import parse_axes
    from sabench.catalog.launchers import find_launcher
    from sabench.catalog.presets import parse_constants
    from sabench.jsonl import write_atomically
    from sabench.launch.contention import parse_policy
    from sabench.launch.request import Request, check_run, plan_run, resume_run, start_run
    from sabench.launch.run import devices_held, find_lock, measure
    from sabench.report.agreement import leaderboard_json
    from sabench.report.consoles import stderr
    from sabench.report.markdown import leaderboard_csv, leaderboard_markdown
    from sabench.report.plan import PlanTable, plan_json
    from sabench.report.progress import SweepProgress
    from sabench.report.tables import LeaderboardTable
    from sabench.store.leaderboard import exit_code
    from sabench.units import parse_bytes

    limit = None if memory_limit is None else parse_bytes(memory_limit)
    runner = find_launcher(launcher)
    contention, lock = parse_policy(on_contention), find_lock(wait=wait, no_lock=no_lock)
    check_targets(out, csv, markdown)
    if resume is not None:
        _check_alone(context, dry_run=dry_run)
        folder = resume_run(resume, allow_environment=across_env)
        environments = folder.info.environments
    else:
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
        planned = plan_run(request)
        if dry_run:
            _print(plan_json(planned) if as_json else PlanTable(planned))
            return
        check_run(planned, out)
        environments = planned.environments
    name = str(resume or out or "")
    with (
        SweepProgress(stderr()) as progress,
        devices_held(environments.values(), lock, run=name, listener=progress),
    ):
        if resume is None:
            folder = start_run(request, planned, out)
        leaderboard = measure(
            folder, runner, listener=progress, memory_limit=limit, contention=contention
        )
    _print(leaderboard_json(leaderboard) if as_json else LeaderboardTable(leaderboard))
    stderr().print(f"leaderboard: {folder.leaderboard_file}", soft_wrap=True, markup=False)
    if csv:
        write_atomically(csv, leaderboard_csv(leaderboard))
    if markdown:
        write_atomically(markdown, leaderboard_markdown(leaderboard))
    raise typer.Exit(exit_code(leaderboard, strict=strict))


def _check_alone(context: typer.Context, *, dry_run: bool) -> None:
    """A resumption goes on with the plan that the run folder holds.

    Raises: ConfigError if another is asked for.
    """
    given = [
        name
        for name in PLANS
        if (source := context.get_parameter_source(name)) and source.name == "COMMANDLINE"
    ]
    if dry_run:
        given.append("dry-run")
    if given:
        words = ", ".join(f"--{name}" for name in given)
        raise ConfigError(f"--resume goes on with the run's own plan: leave out {words}")


def _print(result: object) -> None:
    """JSON for plain data, otherwise a table."""
    from sabench.report.consoles import stdout

    if isinstance(result, dict):
        typer.echo(json.dumps(result, indent=2))
    else:
        stdout().print(result)
