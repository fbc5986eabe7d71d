"""`sabench accept`: keep a leaderboard."""

from pathlib import Path
from typing import Annotated

import typer

from sabench.cli.app import app


@app.command()
def accept(
    run: Annotated[
        Path, typer.Argument(help="A complete run: preset standard or strict, or trainings.")
    ],
    results: Annotated[Path, typer.Option(help="Where accepted leaderboards lie.")] = Path(
        "results"
    ),
) -> None:
    """Copy a run's leaderboard to results/<device>/<suite>.json; refuse a doubtful one."""
    from sabench.store.accept import accept as accept_run

    typer.echo(f"accepted: {accept_run(run, results)}")
