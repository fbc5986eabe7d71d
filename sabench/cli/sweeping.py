"""What `profile`, `train` and `score` share: from a request to a run, its table and its code."""

import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from inspect import Parameter, Signature, signature
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, get_type_hints

import typer

from sabench.cli.options import (
    AcrossEnvironments,
    AsJson,
    Csv,
    DryRun,
    Identify,
    LauncherName,
    Markdown,
    MemoryLimit,
    NoLock,
    OnContention,
    Resume,
    RunOut,
    Strict,
    Wait,
)
from sabench.cli.targets import check_targets
from sabench.errors import ConfigError, ExitCode

if TYPE_CHECKING:
    from sabench.launch.request import Request
    from sabench.store.leaderboard import Leaderboard

PLANS = (
    *("suite", "layer", "device", "preset", "set", "axis", "filter", "out"),
    *("isolation", "order", "seed", "data", "score", "identify"),
)
"""Options that plan a run: none of them can stand beside --resume."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a run is made, beside its plan, and how it is shown: options of every such command."""

    out: RunOut = None
    resume: Resume = None
    across_env: AcrossEnvironments = False
    dry_run: DryRun = False
    on_contention: OnContention = "warn"
    wait: Wait = False
    no_lock: NoLock = False
    launcher: LauncherName = "process"
    memory_limit: MemoryLimit = None
    csv: Csv = None
    markdown: Markdown = None
    as_json: AsJson = False
    strict: Strict = False
    identify: Identify = False


class After(NamedTuple):
    """What was made of a leaderboard: told below the table, and by keys of its own in JSON."""

    text: str
    item: dict[str, Any]
    code: ExitCode = ExitCode.OK  # where the run itself has none to tell


Then = Callable[["Leaderboard"], After]


def sweeps(
    plan: "Callable[..., Request]", after: Then | None = None, suite: str = ""
) -> Callable[..., None]:
    """A command from what plans its request: the options of both, and the run that is done.

    `after` makes something of the leaderboard. `suite`: the only one whose runs it resumes.
    """
    shared = get_type_hints(Wanted, include_extras=True)

    def command(context: typer.Context, **options: Any) -> None:
        wanted = Wanted(**{name: options.pop(name) for name in shared})
        sweep_and_show(context, plan(**options), wanted, after, suite)

    kind = Parameter.POSITIONAL_OR_KEYWORD
    parameters = [
        Parameter("context", kind, annotation=typer.Context),
        *signature(plan).parameters.values(),
        *(
            Parameter(one.name, kind, default=one.default, annotation=shared[one.name])
            for one in fields(Wanted)
        ),
    ]
    command.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {one.name: one.annotation for one in parameters}
    command.__name__, command.__doc__ = plan.__name__, plan.__doc__
    return command


def sweep_and_show(
    context: typer.Context,
    request: "Request",
    wanted: Wanted,
    after: Then | None = None,
    suite: str = "",
) -> NoReturn:
    """Do a run, or what is left of one, and print its leaderboard.

    Raises: typer.Exit with the run's code; as `plan_run`, `resume_run`, `measure`.
    """
    from sabench.catalog.launchers import find_launcher
    from sabench.jsonl import write_atomically
    from sabench.launch.contention import parse_policy
    from sabench.launch.limits import parse_memory_limit
    from sabench.launch.request import (
        check_data_left,
        check_run,
        plan_run,
        resume_run,
        start_run,
    )
    from sabench.launch.run import devices_held, find_lock, measure
    from sabench.report.agreement import leaderboard_json
    from sabench.report.consoles import stderr, stdout
    from sabench.report.markdown import leaderboard_csv, leaderboard_markdown
    from sabench.report.plan import PlanTable, plan_json
    from sabench.report.progress import SweepProgress
    from sabench.report.tables import LeaderboardTable
    from sabench.store.leaderboard import exit_code

    limit = None if wanted.memory_limit is None else parse_memory_limit(wanted.memory_limit)
    runner = find_launcher(wanted.launcher)
    contention = parse_policy(wanted.on_contention)
    lock = find_lock(wait=wanted.wait, no_lock=wanted.no_lock)
    check_targets(wanted.out, wanted.csv, wanted.markdown)
    if wanted.resume is not None:
        _check_alone(context, dry_run=wanted.dry_run)
        folder = resume_run(
            wanted.resume, purpose=request.purpose, across_env=wanted.across_env, suite=suite
        )
        environments = folder.info.environments
    else:
        planned = plan_run(request)
        if wanted.dry_run:
            _print(plan_json(planned) if wanted.as_json else PlanTable(planned))
            raise typer.Exit
        check_run(planned, wanted.out)
        environments = planned.environments
    name = str(wanted.resume or wanted.out or "")
    with (
        SweepProgress(stderr()) as progress,
        devices_held(environments.values(), lock, run=name, listener=progress),
    ):
        if wanted.resume is None:
            folder = start_run(request, planned, wanted.out, identify=wanted.identify)
        else:
            check_data_left(folder)
        leaderboard = measure(
            folder, runner, listener=progress, memory_limit=limit, contention=contention
        )
        told = after(leaderboard) if after else None
    if wanted.as_json:
        _print(leaderboard_json(leaderboard) | (told.item if told else {}))
    else:
        _print(LeaderboardTable(leaderboard))
    if told:
        (stderr() if wanted.as_json else stdout()).print(told.text, soft_wrap=True, markup=False)
    stderr().print(f"leaderboard: {folder.leaderboard_file}", soft_wrap=True, markup=False)
    if wanted.csv:
        write_atomically(wanted.csv, leaderboard_csv(leaderboard))
    if wanted.markdown:
        write_atomically(wanted.markdown, leaderboard_markdown(leaderboard))
    raise typer.Exit(exit_code(leaderboard, strict=wanted.strict) or (told.code if told else 0))


def _check_alone(context: typer.Context, *, dry_run: bool) -> None:
    """A resumption goes on with the plan that the run folder holds.

    Raises: ConfigError if another is asked for.
    """
    given = [
        name
        for name in PLANS
        if (source := context.get_parameter_source(name)) and source.name == "COMMANDLINE"
    ]
    if dry_run:
        given.append("dry-run")
    if given:
        words = ", ".join(f"--{name}" for name in given)
        raise ConfigError(f"--resume goes on with the run's own plan: leave out {words}")


def _print(result: object) -> None:
    """JSON for plain data, otherwise a table."""
    from sabench.report.consoles import stdout

    if isinstance(result, dict):
        typer.echo(json.dumps(result, indent=2))
    else:
        stdout().print(result)
