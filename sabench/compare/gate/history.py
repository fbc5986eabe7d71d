"""History mode: the candidate is measured alone, and the base is a stored leaderboard.

A machine drifts between two sessions, so that only large changes are told, and none is told of
another machine, driver or torch. Base and candidate in one job find more.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import geometric_mean

from sabench.cases.expand import passing
from sabench.catalog.metrics import METRICS
from sabench.compare.gate.bench import COUNTS
from sabench.compare.gate.blocks import Bench, Figures, figures_of
from sabench.compare.gate.driver import SPARE_BLOCKS, Step
from sabench.compare.gate.folder import GateFolder
from sabench.compare.gate.gate import await_others, bench_of
from sabench.compare.gate.held import Ending, held_gate
from sabench.compare.gate.judge import (
    ExactFigures,
    changes_between,
    compared_counts,
    exact_figures,
    lost_counts,
    steady_counts,
)
from sabench.compare.gate.request import GatePlan, GateRequest, plan_gate
from sabench.compare.gate.result import Change, GateCase, GateResult, NullControl, SideTold
from sabench.compare.pair import Effect, effect_of, verdict_of
from sabench.errors import ResultError
from sabench.launch.contention import Policy
from sabench.launch.events import Listener, Notice, ignore
from sabench.launch.interruption import Interruption
from sabench.launch.resume import difference
from sabench.measure.environment import device_slug
from sabench.records import FAILED, MEASURED, SHOWN, Record, Status
from sabench.store.leaderboard import Leaderboard, Row, read_leaderboard

PROCESSES = 8  # of the candidate; two halves of four are its own null control
THRESHOLD = 0.10
"""A share: so far may two sessions of one machine lie apart with nothing changed. A guess."""


@dataclass(frozen=True, slots=True)
class History:
    """What is held against what. Nothing has been measured."""

    plan: GatePlan  # of the candidate, on both sides
    source: Path
    leaderboard: Leaderboard
    rows: dict[str, Row]  # of the device, by case

    @property
    def base(self) -> SideTold:
        """The stored side."""
        environment = self.leaderboard.environments[self.plan.device]
        commit = environment.facts.get("sabench_commit", "")
        return SideTold(name=str(self.source), commit=commit, environment=environment)

    def threshold_of(self, case_id: str) -> float:
        """The suite's, where it is wider than what sessions differ by."""
        return max(THRESHOLD, self.plan.suite.gate.threshold_of(case_id))


@dataclass(slots=True)
class Alone:
    """What the candidate's processes told."""

    processes: list[Figures] = field(default_factory=list)
    lost: dict[str, Record] = field(default_factory=dict)  # by case: the record that ended it

    def medians(self, case_id: str) -> list[float]:
        """A case's figure in each process that was not disturbed."""
        return [figures[case_id] for figures in self.processes if case_id in figures]


def plan_history(request: GateRequest, source: Path) -> History:
    """Read the stored base, and see that the candidate may be held against it here.

    Raises: ResultError if it is damaged, or of another suite, device or environment, or has one
    process a case; else as `plan_gate`.
    """
    leaderboard = read_leaderboard(source)
    if leaderboard.evidence == "smoke":
        raise ResultError(
            f"{source}: has one process a case, which is no evidence; measure the base with "
            "--preset standard"
        )
    alone = replace(request, base=request.candidate, base_python=request.candidate_python)
    plan = plan_gate(alone, by_base=False)
    again = (
        f"measure the base again: sabench profile --suite {plan.suite.name} "
        f"--device {plan.device} --preset standard"
    )
    if leaderboard.suite != plan.suite.name:
        raise ResultError(
            f"{source}: is of suite {leaderboard.suite}, and this gate of {plan.suite.name}; "
            "name the same --suite"
        )
    before = leaderboard.environments.get(plan.device)
    if before is None:
        raise ResultError(f"{source}: has nothing measured on {plan.device}; {again}")
    now = plan.told["candidate"].environment or plan.environment
    if before.id != now.id:
        raise ResultError(f"{source}: not comparable: {difference(before, now)}; {again}")
    rows = {row.case_id: row for row in leaderboard.rows if row.device == plan.device}
    kept = passing((*rows, *plan.cases), request.filter)
    rows = {key: row for key, row in rows.items() if key in kept}
    if not rows.keys() & plan.cases.keys():
        raise ResultError(f"{source}: has no case that the candidate has; {again}")
    return History(plan, source, leaderboard, rows)


def run_history(
    history: History,
    *,
    listener: Listener = ignore,
    tell: Callable[[Step], None] = lambda step: None,
    contention: Policy | None = None,
) -> tuple[GateResult, GateFolder]:
    """Measure the candidate with the base's preset, judge, and keep the result.

    A gate that is cut short, by Ctrl-C or an error, keeps what was measured so far.

    Raises: as `run_gate`.
    """
    plan, slug = history.plan, device_slug(history.plan.environment)
    folder = GateFolder.create(plan.suite.name, slug, plan.request.out, Path("runs"))
    shared = [one for one in history.rows if one in plan.cases]
    alone, counted = Alone(), list[Record]()
    known: list[str] = []  # counts that the candidate's sabench can tell
    preset = history.leaderboard.preset
    if not plan.checkouts["candidate"].reads_cores():
        preset = preset.model_copy(update={"slow_core": 0.0})

    def measure(stop: Interruption) -> None:
        bench = bench_of(plan, folder, listener, stop, preset)
        await_others(plan, contention, listener, stop)
        listener(Notice("candidate: parity and counts"))
        counted.extend(bench.count("candidate"))
        known.extend(bench.known_to("candidate", COUNTS))
        measure_alone(bench, shared, alone, tell)

    def judged(ending: Ending) -> GateResult:
        for record in counted:
            if record.status not in SHOWN:
                alone.lost.setdefault(record.case_id, record)
        nulls = (own_null(one, alone, history.threshold_of(one)) for one in shared)
        rows = [history.rows[one] for one in shared]
        base, again, now = _exact(rows, min), _exact(rows, max), exact_figures(counted)
        before = steady_counts(base, again)
        lost = lost_counts(before, now, known, alone.lost)
        return GateResult(
            mode="history",
            suite=plan.suite.name,
            rules=plan.suite.file,
            device=plan.device,
            preset=preset,
            seed=plan.seed,
            plant=plan.request.plant,
            planted=next(iter(plan.plants), ""),
            base=history.base,
            candidate=plan.told["candidate"],
            cases=tuple(
                judged_alone(history.rows[one], alone, history.threshold_of(one)) for one in shared
            ),
            nulls=tuple(filter(None, nulls)),
            counts=changes_between(before, now),
            counted=compared_counts(before, now, lost),
            lost_counts=lost,
            unsteady=changes_between(base, again),
            missing=tuple(one for one in history.rows if one not in plan.cases),
            added=tuple(one for one in plan.cases if one not in history.rows),
            allow_missing=plan.request.allow_missing,
            interrupted=ending.interrupted,
            broken_off=ending.broken_off,
            started_utc=ending.started_utc,
            wall_s=ending.wall_s,
            command_line=tuple(plan.request.command_line),
        )

    return held_gate(folder, measure, judged, listener), folder


def measure_alone(
    bench: Bench, case_ids: list[str], into: Alone, tell: Callable[[Step], None]
) -> None:
    """Processes of the candidate until each case has enough undisturbed ones, or as far as it goes.

    Raises: what the bench raises.
    """
    for number in range(PROCESSES + SPARE_BLOCKS):
        left = [one for one in case_ids if one not in into.lost]
        if all(len(into.medians(one)) >= PROCESSES for one in left):
            return
        tell(Step("history", number + 1, tuple(left)))
        records = bench.measure(("candidate",), number, left)["candidate"]
        into.processes.append(figures_of(records, "latency_warm"))
        for record in records:
            if record.status not in SHOWN:
                into.lost.setdefault(record.case_id, record)


def judged_alone(row: Row, alone: Alone, threshold: float) -> GateCase:
    """A stored case against the candidate's processes, or the reason why there is no verdict."""
    case_id = row.case_id
    base, medians = _stored(row), alone.medians(case_id)
    status, reason = Status.OK, ""
    if case_id in alone.lost:
        lost = alone.lost[case_id]
        status, reason = lost.status, f"candidate: {lost.message or lost.status}"
    elif row.status not in MEASURED:
        status, reason = row.status, f"base: {row.message or row.status}"
    elif min(len(base), len(medians)) < 2:
        status, reason = Status.CONTENDED, "fewer than two processes of a side were undisturbed"
    if reason:
        is_lost = row.status in MEASURED and status not in SHOWN | FAILED
        return GateCase(
            case_id=case_id, threshold=threshold, is_lost=is_lost, status=status, reason=reason
        )
    effect = effect_of(base, medians, threshold=threshold)
    return GateCase(
        case_id=case_id,
        threshold=threshold,
        screen=_change(effect, base, medians),
        verdict=verdict_of(effect),
    )


def own_null(case_id: str, alone: Alone, threshold: float) -> NullControl | None:
    """The candidate's even processes against its odd ones; None with fewer than two of each."""
    medians = alone.medians(case_id)
    even, odd = medians[::2], medians[1::2]
    if case_id in alone.lost or len(odd) < 2:
        return None
    effect = effect_of(even, odd, threshold=threshold)
    return NullControl(
        case_id=case_id, change=_change(effect, even, odd), verdict=verdict_of(effect)
    )


def _change(effect: Effect, base: list[float], new: list[float]) -> Change:
    """Nothing is paired: each new figure stands beside the base's geometric mean."""
    middle = geometric_mean(base)
    return Change.of(effect, tuple((middle, one) for one in new))


def _stored(row: Row) -> list[float]:
    figure = row.figures.get("latency_warm")
    return list(figure.process_medians) if figure else []


def _exact(rows: Iterable[Row], pick: Callable[[Sequence[float]], float]) -> ExactFigures:
    """The stored counts by case and metric, as `pick` takes them from their processes."""
    return {
        (row.case_id, name): pick(figure.process_medians)
        for row in rows
        for name, figure in row.figures.items()
        if name in METRICS and METRICS[name].exact and figure.process_medians
    }
