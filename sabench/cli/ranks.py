"""`sabench ranks`: what an accuracy from a short training, or from none, is worth."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from sabench.cli.app import app
from sabench.cli.targets import check_targets


@app.command()
def ranks(
    sources: Annotated[
        list[Path],
        typer.Argument(help="Results of train, score and profile, or what --out kept."),
    ],
    truth: Annotated[
        str,
        typer.Option(help="What all else is held against; else the only training in full."),
    ] = "",
    faster: Annotated[
        float, typer.Option(min=1.0, help="A proxy is chosen among those so many times faster.")
    ] = 16.0,
    pairs: Annotated[
        str,
        typer.Option(help="An indicator's name: also list the pairs of networks it decides."),
    ] = "",
    out: Annotated[Path | None, typer.Option(help="Keep it as a file, for `show --ranks`.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, not the table.")] = False,
    markdown: Annotated[Path | None, typer.Option(help="Write it as Markdown, too.")] = None,
) -> None:
    """Tell how far short trainings, scores and counts rank networks as a training in full does."""
    from sabench.compare.trust.choice import choose
    from sabench.compare.trust.gathering import gather
    from sabench.compare.trust.judging import judge
    from sabench.compare.trust.result import ranks_of, write_ranks
    from sabench.jsonl import write_atomically
    from sabench.report.consoles import stdout
    from sabench.report.trust import TrustTable, trust_markdown
    from sabench.report.trust_pairs import PairsTable

    check_targets(None, out, markdown)
    judgement = judge(gather(sources), truth)
    listed = PairsTable.of(judgement, pairs) if pairs else None
    proxies = [trust.indicator for trust in judgement.trusts]
    choice = choose(proxies, judgement.truth, judgement.networks, faster)
    found = ranks_of(judgement, choice, ("sabench", *sys.argv[1:]))
    if out:
        write_ranks(out, found)
    if markdown:
        text = trust_markdown(judgement, choice) + (listed.markdown() if listed else "")
        write_atomically(markdown, text)
    if as_json:
        told = {"pairs": listed.dump()} if listed else {}
        typer.echo(json.dumps(found.dump() | told, indent=2))
        return
    stdout().print(TrustTable(judgement, choice))
    if listed:
        stdout().print("", listed, sep="\n")
