"""`sabench compare`: two results of one device, or the same cases on several."""

import gc
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sabench.cli.app import app
from sabench.cli.targets import check_targets
from sabench.errors import ExitCode

if TYPE_CHECKING:
    from sabench.compare.join import Side
    from sabench.compare.sources import Pair


@dataclass(frozen=True, slots=True)
class Shown:
    """An outcome in every way of showing it; what is not asked for is not made."""

    tables: Sequence[object]
    json: Callable[[], dict[str, Any]]
    markdown: Callable[[], str]
    exit_code: ExitCode


@app.command()
def compare(
    sources: Annotated[
        list[Path], typer.Argument(help="Run folders or leaderboards; the first is the base.")
    ],
    metric: Annotated[
        str, typer.Option(help="What is compared; else latency, or accuracy of trainings.")
    ] = "",
    across: Annotated[
        list[str] | None,
        typer.Option(help="A key that may differ: device, threads, dtype, ...; again for more."),
    ] = None,
    across_env: Annotated[
        bool, typer.Option("--across-env", help="Unlike environments too: ratios, no verdicts.")
    ] = False,
    allow_missing: Annotated[
        bool,
        typer.Option("--allow-missing", help="A case that a further result lacks is no fault."),
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit 4 if a case could not be told.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, not the table.")] = False,
    markdown: Annotated[Path | None, typer.Option(help="Write it as Markdown, too.")] = None,
) -> None:
    """Tell what became slower, surely; exit 1 if something did. Other devices: what wins where."""
    from sabench.compare.sources import keys_of, pairs_on_one_device, read_sides
    from sabench.jsonl import write_atomically
    from sabench.report.consoles import stdout

    check_targets(None, markdown)
    found = read_sides(sources, across or ())
    trained = found[0][0].leaderboard.rank_by == "accuracy"
    metric = metric or ("accuracy" if trained else "latency_warm")
    gc.freeze()  # it stays to the end: no collection need look at 10,000 cases again
    pairs = None if across else pairs_on_one_device(found)
    if pairs is None:
        sides = [side for those in found for side in those]
        shown = _devices(sides, metric, keys_of(across or ()), across_env, allow_missing, strict)
    else:
        shown = _runs(pairs, metric, across_env, allow_missing, strict)
    if markdown:
        write_atomically(markdown, shown.markdown())
    if as_json:
        typer.echo(json.dumps(shown.json(), indent=2))
    else:
        stdout().print(*shown.tables, sep="\n")
    raise typer.Exit(shown.exit_code)


def _runs(
    pairs: "Sequence[Pair]", metric: str, across_env: bool, allow_missing: bool, strict: bool
) -> Shown:
    """Each side of the base against its like in the others, on one device."""
    from sabench.compare.runs import compare_runs, worst
    from sabench.report.compare import ComparisonTable, comparisons_json
    from sabench.report.compare_markdown import comparisons_markdown

    told = [compare_runs(*pair, metric=metric, across_env=across_env) for pair in pairs]
    code = worst(one.exit_code(allow_missing=allow_missing, strict=strict) for one in told)
    return Shown(
        tables=[ComparisonTable(one) for one in told],
        json=lambda: comparisons_json(told, code),
        markdown=lambda: comparisons_markdown(told),
        exit_code=code,
    )


def _devices(
    sides: "Sequence[Side]",
    metric: str,
    across: Sequence[str],
    across_env: bool,
    allow_missing: bool,
    strict: bool,
) -> Shown:
    """All sides beside each other, whatever tells them apart."""
    from sabench.compare.devices import compare_devices
    from sabench.report.devices import DevicesTable, devices_json, devices_markdown

    told = compare_devices(sides, metric, across, across_env=across_env)
    return Shown(
        tables=[DevicesTable(told)],
        json=lambda: devices_json(told),
        markdown=lambda: devices_markdown(told),
        exit_code=told.exit_code(allow_missing=allow_missing, strict=strict),
    )
