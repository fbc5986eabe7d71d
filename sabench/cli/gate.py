"""`sabench gate`: does this change slow my layers down?"""

import json
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from sabench.cli.app import app
from sabench.cli.targets import check_targets
from sabench.errors import ConfigError


@app.command()
def gate(
    base: Annotated[
        Path | None, typer.Option(help="The checkout to hold the line against.")
    ] = None,
    candidate: Annotated[Path, typer.Option(help="The checkout with the change.")] = Path(),
    suite: Annotated[str, typer.Option(help="A suite's name or file.")] = "gate",
    layer: Annotated[
        list[str] | None,
        typer.Option(help="A layer of your own, FILE.py:Class in both checkouts. Runs its code."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    base_python: Annotated[
        Path | None, typer.Option(help="The base's interpreter; else its own .venv, else this one.")
    ] = None,
    candidate_python: Annotated[Path | None, typer.Option(help="The candidate's.")] = None,
    filter: Annotated[str, typer.Option(help="Keep case ids with this text or glob.")] = "",
    seed: Annotated[int | None, typer.Option(min=0, help="Order, weights, inputs.")] = None,
    plant: Annotated[
        float | None,
        typer.Option(help="Let one case of the candidate do so many times its work: 1.08."),
    ] = None,
    history: Annotated[
        Path | None,
        typer.Option(help="Instead of --base: a stored leaderboard; tells large changes alone."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The folder to make.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Also write it as Markdown.")] = None,
    junit: Annotated[Path | None, typer.Option(help="Also as JUnit XML.")] = None,
    benchmark_json: Annotated[
        Path | None, typer.Option(help="Also the candidate's figures, as customSmallerIsBetter.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, not the table.")] = False,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="A case that the candidate lacks is no fault.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit 4 if a case was AMBIGUOUS or CLOCK_SUSPECT.")
    ] = False,
    on_contention: Annotated[
        str, typer.Option(help="When others use the device: warn, wait:60s or fail (exit 5).")
    ] = "warn",
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for another sabench on the device.")
    ] = False,
    no_lock: Annotated[
        bool, typer.Option("--no-lock", help="Measure beside another sabench on the device.")
    ] = False,
) -> None:
    """Measure two checkouts in turn in one job; exit 1 if the candidate is surely slower."""
    from sabench.compare.gate.gate import run_gate
    from sabench.compare.gate.history import plan_history, run_history
    from sabench.compare.gate.request import GateRequest, plan_gate
    from sabench.jsonl import write_atomically
    from sabench.launch.contention import parse_policy
    from sabench.launch.run import devices_held, find_lock
    from sabench.report.benchmark_json import benchmark_json as as_benchmark
    from sabench.report.consoles import stderr, stdout
    from sabench.report.gate import GateTable, gate_json
    from sabench.report.gate_markdown import gate_markdown
    from sabench.report.gate_progress import GateProgress
    from sabench.report.github import WorkflowStep
    from sabench.report.junit import gate_junit

    contention, lock = parse_policy(on_contention), find_lock(wait=wait, no_lock=no_lock)
    check_targets(out, markdown, junit, benchmark_json)
    request = GateRequest(
        base=_base(base, history, base_python),
        candidate=candidate,
        suite=suite,
        device=device,
        base_python=base_python,
        candidate_python=candidate_python,
        layers=layer or (),
        filter=filter,
        seed=seed,
        plant=plant,
        out=out,
        allow_missing=allow_missing,
        command_line=("sabench", *sys.argv[1:]),
    )
    step, progress = WorkflowStep(), GateProgress(stderr())
    step.begin()
    if history is None:
        plan = plan_gate(request)
        measure = partial(run_gate, plan)
    else:
        stored = plan_history(request, history)
        plan, measure = stored.plan, partial(run_history, stored)
    with devices_held([plan.environment], lock, run=str(out or ""), listener=progress):
        result, folder = measure(listener=progress, tell=progress.step, contention=contention)
    if as_json:
        typer.echo(json.dumps(gate_json(result, strict=strict), indent=2))
    else:
        stdout().print(GateTable(result))
    stderr().print(f"result: {folder.result_file}", soft_wrap=True, markup=False)
    step.end(result)
    if markdown:
        write_atomically(markdown, gate_markdown(result))
    if junit:
        write_atomically(junit, gate_junit(result))
    if benchmark_json:
        write_atomically(benchmark_json, json.dumps(as_benchmark(result), indent=2) + "\n")
    raise typer.Exit(result.exit_code(strict=strict))


def _base(base: Path | None, history: Path | None, python: Path | None) -> Path:
    """The checkout of the base; where it is stored, none.

    Raises: ConfigError unless exactly one of the two is given.
    """
    if base is not None and history is not None:
        raise ConfigError("--base is measured and --history is stored: leave one out")
    if base is None and history is None:
        raise ConfigError("name the --base, a checkout, or --history, a stored leaderboard")
    if history is not None and python is not None:
        raise ConfigError("--base-python runs a --base; --history measures none")
    return base or Path()
