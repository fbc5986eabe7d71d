"""`sabench verify`: our counts beside the papers' figures."""

import json
from typing import Annotated

import typer

from sabench.cli.app import app
from sabench.errors import ExitCode


@app.command()
def verify(
    paper: Annotated[
        str | None, typer.Argument(help="sasa, aacn or halonet; all of them if left out.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Also build every network, without memory for data.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Hold our counts against every published one; exit 1 if one is wrong."""
    from sabench.papers.rows import PAPERS
    from sabench.papers.verify import build_all, verify_papers
    from sabench.report.consoles import stdout
    from sabench.report.verify import VerifyTable, any_wrong, verify_json

    results = verify_papers(PAPERS if paper is None else (paper,))
    built = build_all([row for rows in results.values() for row in rows]) if check else None
    if as_json:
        typer.echo(json.dumps(verify_json(results, built), indent=2))
    else:
        stdout().print(VerifyTable(results, built))
    if any_wrong(results, built or ()):
        raise typer.Exit(ExitCode.REGRESSION)
