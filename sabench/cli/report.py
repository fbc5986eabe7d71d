"""`sabench report`: one offline page of runs, or one of its charts."""

import json
from pathlib import Path
from typing import Annotated

import typer

from sabench.cli.app import app
from sabench.cli.options import Beside, Best, RanksFile


@app.command()
def report(
    sources: Annotated[list[Path], typer.Argument(help="Run folders or leaderboards.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.")] = Path(
        "report.html"
    ),
    chart: Annotated[
        str, typer.Option(help="Only this chart, as .svg or .png: window, pareto, macs, ...")
    ] = "",
    across: Annotated[
        list[str] | None,
        typer.Option(help="Hold sides against each other that differ in it: threads."),
    ] = None,
    metric: Annotated[
        str,
        typer.Option(
            help="What the charts show.",
            show_default="latency_warm; of trainings accuracy, of scores the first score",
        ),
    ] = "",
    filter: Annotated[str, typer.Option(help="Keep case ids with this text or glob.")] = "",
    beside: Beside = None,
    ranks: RanksFile = None,
    best: Best = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what the page says as JSON; write no file.")
    ] = False,
) -> None:
    """Write one HTML page that needs no network: charts, tables, environment, commands."""
    from sabench.catalog.metrics import METRICS
    from sabench.errors import ConfigError
    from sabench.jsonl import write_atomically
    from sabench.report.html.library import require_charts
    from sabench.report.html.points import metric_of, name_sources, points_of
    from sabench.report.html.theme import PAGE, PAPER
    from sabench.store.leaderboard import read_leaderboard
    from sabench.units import show_bytes

    if not out.parent.is_dir() or out.is_dir():
        raise ConfigError(f"{out}: name a file in a folder that is there")
    require_charts()
    from sabench.report.html.export import page_json, picture
    from sabench.report.html.page import page_html, page_of

    boards = [read_leaderboard(path) for path in sources]
    if beside or ranks:
        from sabench.compare.trust.marking import trusted

        boards = [trusted(board, beside, ranks) for board in boards]
    if best:
        from sabench.store.best import best_implementations

        boards = [best_implementations(board) for board in boards]
    read = name_sources([(str(path), board) for path, board in zip(sources, boards, strict=True)])
    metric = metric or metric_of(read)
    if metric not in METRICS:
        raise ConfigError(f"--metric {metric}: not a metric; there are {', '.join(METRICS)}")
    points = points_of(read, across=across or (), wanted=filter)
    page = page_of(read, points, metric, PAPER if chart else PAGE)
    if as_json:
        typer.echo(json.dumps(page_json(page), indent=2))
        return
    if chart:
        out.write_bytes(picture(page, chart, out))
        told = f"chart {chart}"
    else:
        write_atomically(out, page_html(page))
        told = f"{len(points)} records, {len(page.figures)} figures"
    typer.echo(f"{out}: {told}, {show_bytes(out.stat().st_size)}")
