"""`sabench gate`: does this change slow my layers down?"""

import json
import secrets
import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from sabench.cli.app import app
from sabench.cli.targets import check_targets
from sabench.errors import ConfigError

OF_CHECKOUTS = (
    *("candidate", "suite", "layer", "candidate_python", "filter", "plant"),
    *("allow_missing", "on_contention"),
)
OF_BASE = ("base", "base_python")
OF_COMMANDS = ("base_command", "candidate_command", "runs", "threshold")
"""Options that make sense in one way of gating alone."""


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
    seed: Annotated[int | None, typer.Option(min=0, help="Order, weights, inputs.")] = None,
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
    way = _way(context)
    step, progress = WorkflowStep(), GateProgress(stderr())
    step.begin()
    if way == "commands":
        from sabench.compare.gate.commands import CommandRequest, run_commands
        from sabench.measure.environment import environment
        from sabench.measure.gpus import resolve_devices

        named = resolve_devices("cpu" if device == "auto" else device)[0]
        asked = CommandRequest(
            base=base_command or "",
            candidate=candidate_command or "",
            runs=runs,
            threshold=threshold,
            device=named,
            seed=secrets.randbelow(2**31) if seed is None else seed,
            out=out,
            command_line=("sabench", *sys.argv[1:]),
        )
        held, measure = environment(named), partial(run_commands, asked)
    else:
        from sabench.compare.gate.gate import run_gate
        from sabench.compare.gate.history import plan_history, run_history
        from sabench.compare.gate.request import GateRequest, plan_gate

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
            command_line=("sabench", *sys.argv[1:]),
        )
        if history is None:
            plan = plan_gate(request)
            measure = partial(run_gate, plan, contention=contention)
        else:
            stored = plan_history(request, history)
            plan, measure = stored.plan, partial(run_history, stored, contention=contention)
        held = plan.environment
    with devices_held([held], lock, run=str(out or ""), listener=progress):
        result, folder = measure(listener=progress, tell=progress.step)
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


def _way(context: typer.Context) -> Literal["checkouts", "history", "commands"]:
    """What the candidate is held against, by the options that were given.

    Raises: ConfigError unless they name one way, and nothing of another.
    """
    given = {
        name
        for name in context.params
        if (source := context.get_parameter_source(name)) and source.name == "COMMANDLINE"
    }
    commands = {"base_command", "candidate_command"}
    ways = {"--base": "base", "--history": "history", "two commands": "base_command"}
    named = [told for told, name in ways.items() if name in given]
    if len(named) > 1:
        raise ConfigError(f"a gate holds the candidate against one thing: {' or '.join(named)}")
    if given & commands:
        if not commands <= given:
            raise ConfigError("--base-command and --candidate-command: name both")
        _refuse(given & {*OF_CHECKOUTS, *OF_BASE, "history"}, "a gate of two commands")
        return "commands"
    _refuse(given & set(OF_COMMANDS), "a gate of checkouts")
    if "history" in given:
        _refuse(given & set(OF_BASE), "--history, which measures no base,")
        return "history"
    if "base" not in given:
        raise ConfigError(
            "name the --base, a checkout; or --history, a stored leaderboard; or --base-command "
            "and --candidate-command"
        )
    return "checkouts"


def _refuse(names: set[str], way: str) -> None:
    """Options that another way of gating has.

    Raises: ConfigError if there are any.
    """
    if names:
        words = ", ".join(f"--{name.replace('_', '-')}" for name in sorted(names))
        raise ConfigError(f"{way} has no {words}: leave it out")
