"""A gate of two checkouts, from its plan to its result."""

from collections.abc import Callable
from pathlib import Path

from sabench.catalog.presets import PRESETS, Preset
from sabench.compare.gate.bench import COUNTS, CheckoutBench
from sabench.compare.gate.blocks import SideName
from sabench.compare.gate.driver import CYCLES, Course, Plan, Step, follow
from sabench.compare.gate.folder import GateFolder
from sabench.compare.gate.held import Ending, held_gate
from sabench.compare.gate.judge import (
    changes_between,
    compared_counts,
    exact_figures,
    judged_case,
    lost_counts,
    null_controls,
    steady_counts,
)
from sabench.compare.gate.rates import rate_of
from sabench.compare.gate.request import GatePlan
from sabench.compare.gate.result import GateResult
from sabench.launch.contention import Policy, await_quiet
from sabench.launch.events import Listener, Notice, ignore
from sabench.launch.interruption import Interruption
from sabench.launch.limits import default_memory_limit
from sabench.launch.one_child import Surroundings
from sabench.launch.watch import PATIENCE
from sabench.measure.environment import device_slug
from sabench.measure.fake_script import is_made_up
from sabench.records import Record, Status
from sabench.store import journal

PRESET = PRESETS["gate"]


def run_gate(
    plan: GatePlan,
    *,
    listener: Listener = ignore,
    tell: Callable[[Step], None] = lambda step: None,
    contention: Policy | None = None,
) -> tuple[GateResult, GateFolder]:
    """Measure both sides in turn, judge, and keep the result in a folder of its own.

    A gate that is cut short, by Ctrl-C or an error, keeps what was measured so far.

    Raises: ConfigError if the folder is taken; ResultError if the disk refuses; DeviceError if
    a side's children do not start, or the device no longer computes.
    """
    request, slug = plan.request, device_slug(plan.environment)
    folder = GateFolder.create(plan.suite.name, slug, request.out, Path("runs"))
    ways = (False, True)  # read now: a file that is damaged must cost no measurement
    rates = [rate_of(plan.environment, plan.suite.name, in_turns=way) for way in ways]
    thresholds = {one: plan.suite.gate.threshold_of(one) for one in plan.cases}
    _warn_of_idle_thresholds(plan, listener)
    course = Course(Plan(tuple(plan.cases), thresholds, seed=plan.seed))
    counted: dict[SideName, list[Record]] = {"base": [], "null": [], "candidate": []}
    known: list[str] = []  # counts that the candidate's sabench can tell

    def measure(stop: Interruption) -> None:
        if not plan.cases:
            return
        listener(Notice(f"thresholds of {plan.suite.file}"))
        bench = bench_of(plan, folder, listener, stop)
        course.in_turns = bench.in_turns = take_turns(plan, listener, stop)
        await_others(plan, contention, listener, stop)
        for side in counted:
            what = "counts once more" if side == "null" else "parity and counts"
            listener(Notice(f"{'base' if side == 'null' else side}: {what}"))
            counted[side] = bench.count(side)
            course.lose(counted[side])
        known.extend(bench.known_to("candidate", COUNTS))
        follow(course.plan, bench, tell, into=course)

    def judged(ending: Ending) -> GateResult:
        if ending.interrupted:  # a block that was not ended told nobody of its failures
            kept = journal.last_attempts(journal.read(folder)).values()
            course.lose(one for one in kept if one.status is not Status.INTERRUPTED)
        base, again, now = (exact_figures(counted[side]) for side in counted)
        before = steady_counts(base, again)
        lost = lost_counts(before, now, known, course.lost)
        return GateResult(
            suite=plan.suite.name,
            rules=plan.suite.file,
            device=plan.device,
            preset=PRESET,
            seed=plan.seed,
            plant=request.plant,
            planted=next(iter(plan.plants), ""),
            base=plan.told["base"],
            candidate=plan.told["candidate"],
            cases=tuple(judged_case(course, one) for one in plan.cases),
            nulls=null_controls(course),
            counts=changes_between(before, now),
            counted=compared_counts(before, now, lost),
            lost_counts=lost,
            unsteady=changes_between(base, again),
            missing=plan.missing,
            added=plan.added,
            allow_missing=request.allow_missing,
            interrupted=ending.interrupted,
            broken_off=ending.broken_off,
            in_turns=course.in_turns,
            false_alarms=rates[course.in_turns],
            started_utc=ending.started_utc,
            wall_s=ending.wall_s,
            command_line=tuple(request.command_line),
        )

    return held_gate(folder, measure, judged, listener), folder


def _warn_of_idle_thresholds(plan: GatePlan, listener: Listener) -> None:
    """Of a suite that is gated whole: with a filter a glob may well fit none."""
    all_cases = (*plan.cases, *plan.missing, *plan.added)
    for glob in () if plan.request.filter else plan.suite.gate.idle(all_cases):
        listener(Notice(f"suite {plan.suite.name}: the threshold of {glob} fits no case"))


def await_others(
    plan: GatePlan, contention: Policy | None, listener: Listener, stop: Interruption
) -> None:
    """Until nobody else uses the device, as far as the policy waits.

    Raises: DeviceError if it does not wait; Stop if the user asked to stop.
    """
    if contention is not None and not is_made_up(plan.cases.values()):
        with stop.waiting():
            await_quiet([plan.device], contention, listener)


def bench_of(
    plan: GatePlan,
    folder: GateFolder,
    listener: Listener,
    stop: Interruption,
    preset: Preset = PRESET,
) -> CheckoutBench:
    """What measures a plan's sides, its records in the folder."""
    on_cpu = plan.environment.device_kind == "cpu"
    return CheckoutBench(
        checkouts=plan.checkouts,
        cases=plan.cases,
        suite=plan.suite.name,
        device=plan.device,
        environment=plan.environment,
        preset=preset,
        seed=plan.seed,
        memory_limit=default_memory_limit() if on_cpu else 0,
        folder=folder,
        around=Surroundings(folder.outbox, PATIENCE, listener, stop, lambda: (0, 0)),
        metrics=("latency_warm",) if on_cpu else ("latency_warm", CYCLES),
        plants=plan.plants,
    )


def take_turns(plan: GatePlan, listener: Listener, stop: Interruption) -> bool:
    """Whether both sides can be measured in turns; where one is too old for that, it is told.

    Raises: Stop if the user asked to stop.
    """
    if plan.environment.device_kind != "cpu":
        return False
    with stop.waiting():
        old = [side.told_as for side in plan.checkouts.values() if not side.takes_turns()]
    for name in old:
        listener(Notice(f"{name}: its sabench takes no turns: measured one after the other"))
    return not old
