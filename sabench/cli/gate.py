"""`sabench gate`: does this change slow my layers down?"""

import json
import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sabench.cli.app import app
from sabench.cli.gate_way import way_of
from sabench.cli.options import Seed
from sabench.cli.targets import check_targets

if TYPE_CHECKING:
    from sabench.compare.gate.folder import GateFolder
    from sabench.compare.gate.request import GateRequest
    from sabench.compare.gate.result import GateResult
    from sabench.launch.contention import Policy
    from sabench.records import Environment


@app.command()
def gate(
    context: typer.Context,
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
    seed: Seed = None,
    plant: Annotated[
        float | None,
        typer.Option(help="Let one case of the candidate do so many times its work: 1.08."),
    ] = None,
    history: Annotated[
        Path | None,
        typer.Option(help="Instead of --base: a stored leaderboard; tells large changes alone."),
    ] = None,
    base_command: Annotated[
        str | None,
        typer.Option(help="Instead of --base: a command, timed as a whole."),
    ] = None,
    candidate_command: Annotated[str | None, typer.Option(help="What it is held against.")] = None,
    runs: Annotated[int, typer.Option(min=1, help="Of a command in a block.")] = 5,
    threshold: Annotated[
        float, typer.Option(min=0.001, max=1.0, help="Of commands; a suite has its own. 0.05: 5 %.")
    ] = 0.03,
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
    from sabench.compare.gate.request import GateRequest
    from sabench.launch.contention import parse_policy
    from sabench.launch.run import devices_held, find_lock
    from sabench.report.consoles import stderr, stdout
    from sabench.report.gate import GateTable, gate_json
    from sabench.report.gate_progress import GateProgress
    from sabench.report.github import WorkflowStep

    with WorkflowStep() as step:
        lock = find_lock(wait=wait, no_lock=no_lock)
        check_targets(out, markdown, junit, benchmark_json)
        words = ("sabench", *sys.argv[1:])
        if way_of(context) == "commands":
            pair = (base_command or "", candidate_command or "")
            ready = _commands(pair, runs, threshold, device, seed, out, words)
        else:
            request = GateRequest(
                base=base or Path(),
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
                command_line=words,
            )
            ready = _checkouts(request, history, parse_policy(on_contention))
        progress = GateProgress(stderr())
        with devices_held([ready.environment], lock, run=str(out or ""), listener=progress):
            result, folder = ready.measure(listener=progress, tell=progress.step)
        if as_json:
            typer.echo(json.dumps(gate_json(result, strict=strict), indent=2))
        else:
            stdout().print(GateTable(result))
        stderr().print(f"result: {folder.result_file}", soft_wrap=True, markup=False)
        step.end(result)
        _write(result, markdown, junit, benchmark_json)
    raise typer.Exit(result.exit_code(strict=strict))


@dataclass(frozen=True, slots=True)
class _Ready:
    """What will be measured, and on what."""

    environment: "Environment"
    measure: "Callable[..., tuple[GateResult, GateFolder]]"  # (listener, tell)


def _commands(
    commands: tuple[str, str],
    runs: int,
    threshold: float,
    device: str,
    seed: int | None,
    out: Path | None,
    words: tuple[str, ...],
) -> _Ready:
    """A gate of two commands."""
    from sabench.compare.gate.commands import CommandRequest, run_commands
    from sabench.measure.environment import environment
    from sabench.measure.gpus import resolve_devices

    named = resolve_devices("cpu" if device == "auto" else device)[0]
    asked = CommandRequest(
        *commands,
        runs=runs,
        threshold=threshold,
        device=named,
        seed=secrets.randbelow(2**31) if seed is None else seed,
        out=out,
        command_line=words,
    )
    return _Ready(environment(named), partial(run_commands, asked))


def _checkouts(request: "GateRequest", history: Path | None, contention: "Policy") -> _Ready:
    """A gate of two checkouts, or of one and what is stored."""
    from sabench.compare.gate.gate import run_gate
    from sabench.compare.gate.history import plan_history, run_history
    from sabench.compare.gate.request import plan_gate

    if history is None:
        plan = plan_gate(request)
        return _Ready(plan.environment, partial(run_gate, plan, contention=contention))
    stored = plan_history(request, history)
    return _Ready(stored.plan.environment, partial(run_history, stored, contention=contention))


def _write(
    result: "GateResult", markdown: Path | None, junit: Path | None, benchmark_json: Path | None
) -> None:
    """The files that were asked for."""
    from sabench.jsonl import write_atomically
    from sabench.report.benchmark_json import benchmark_json as as_benchmark
    from sabench.report.gate_markdown import gate_markdown
    from sabench.report.junit import gate_junit

    if markdown:
        write_atomically(markdown, gate_markdown(result))
    if junit:
        write_atomically(junit, gate_junit(result))
    if benchmark_json:
        write_atomically(benchmark_json, json.dumps(as_benchmark(result), indent=2) + "\n")
