"""`sabench show`: the table of a run folder or leaderboard again."""

import json
from pathlib import Path
from typing import Annotated

import typer

from sabench.cli.app import app
from sabench.cli.options import Beside, Best, RanksFile


@app.command()
def show(
    source: Annotated[Path, typer.Argument(help="A run folder, or a leaderboard's JSON file.")],
    beside: Beside = None,
    ranks: RanksFile = None,
    best: Best = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="As CSV, in base units.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="As Markdown.")] = False,
) -> None:
    """Show the ranked table of a finished or interrupted run."""
    from sabench.report.agreement import leaderboard_json
    from sabench.report.consoles import stdout
    from sabench.report.markdown import leaderboard_csv, leaderboard_markdown
    from sabench.report.tables import LeaderboardTable
    from sabench.store.leaderboard import read_leaderboard

    if as_json + csv + markdown > 1:
        raise typer.BadParameter("one of --json, --csv and --markdown, not two")
    leaderboard = read_leaderboard(source)
    if beside or ranks:
        from sabench.compare.trust.marking import trusted

        leaderboard = trusted(leaderboard, beside, ranks)
    if best:
        from sabench.store.best import best_implementations

        leaderboard = best_implementations(leaderboard)
    if as_json:
        typer.echo(json.dumps(leaderboard_json(leaderboard), indent=2))
    elif csv:
        typer.echo(leaderboard_csv(leaderboard), nl=False)
    elif markdown:
        typer.echo(leaderboard_markdown(leaderboard), nl=False)
    else:
        stdout().print(LeaderboardTable(leaderboard))
