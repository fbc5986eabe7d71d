"""`sabench profile`: the main job."""

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from sabench.cli.app import app


@app.command()
def profile(
    suite: Annotated[str, typer.Option(help="A suite's name or file.")] = "quick",
    layer: Annotated[
        list[str] | None,
        typer.Option(help="A layer of your own beside the suite's, FILE.py:Class. Runs its code."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:0,cuda:1 or all.")] = "auto",
    preset: Annotated[str, typer.Option(help="quick, standard or strict.")] = "quick",
    axis: Annotated[
        list[str] | None, typer.Option(help="Replace an axis: window=3,5,7. May be repeated.")
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
        Literal["suite", "case"], typer.Option(help="Cases that share a process.")
    ] = "suite",
    launcher: Annotated[str, typer.Option(help="process, or inline for debugging.")] = "process",
    memory_limit: Annotated[
        str | None, typer.Option(help="Address space of a CPU child: 8GiB, or none.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Order of jobs, weights, inputs.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Also write the table as CSV.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Also write it as Markdown.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, not the table.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit 6 unless every case is ok.")
    ] = False,
) -> None:
    """Measure a suite's layers and networks: a ranked table, and a leaderboard beside it."""
    from sabench.cases.scalars import parse_axes
    from sabench.jsonl import write_atomically
    from sabench.launch.request import Request, plan_run, resume_run, start_run
    from sabench.launch.run import measure
    from sabench.report.consoles import stderr
    from sabench.report.markdown import leaderboard_csv, leaderboard_markdown
    from sabench.report.plan import plan_json, plan_table
    from sabench.report.progress import SweepProgress
    from sabench.report.tables import LeaderboardTable
    from sabench.store.leaderboard import exit_code
    from sabench.units import parse_bytes

    if resume is not None:
        folder = resume_run(resume, allow_environment=across_env)
    else:
        request = Request(
            suite=suite,
            layers=layer or (),
            device=device,
            preset=preset,
            axes=parse_axes(axis or []),
            filter=filter,
            isolation=isolation,
            seed=seed,
            command_line=sys.argv,
        )
        planned = plan_run(request)
        if dry_run:
            _print(plan_json(planned) if as_json else plan_table(planned))
            return
        folder = start_run(request, planned, out)
    limit = None if memory_limit is None else parse_bytes(memory_limit)
    with SweepProgress(stderr()) as progress:
        leaderboard = measure(folder, launcher, listener=progress, memory_limit=limit)
    _print(leaderboard.dump() if as_json else LeaderboardTable(leaderboard))
    stderr().print(f"leaderboard: {folder.leaderboard_file}", soft_wrap=True, markup=False)
    if csv:
        write_atomically(csv, leaderboard_csv(leaderboard))
    if markdown:
        write_atomically(markdown, leaderboard_markdown(leaderboard))
    raise typer.Exit(exit_code(leaderboard, strict=strict))


def _print(result: object) -> None:
    """JSON for plain data, otherwise a table."""
    from sabench.report.consoles import stdout

    if isinstance(result, dict):
        typer.echo(json.dumps(result, indent=2))
    else:
        stdout().print(result)
