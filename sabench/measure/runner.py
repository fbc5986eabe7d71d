"""One job: build the subject, call it once, run its metrics, say how it ended."""

from collections.abc import Callable

from pydantic import JsonValue

from sabench.cases.plan import Batch, Job
from sabench.catalog.implementations import IMPLEMENTATIONS
from sabench.catalog.metrics import METRICS, Metric
from sabench.catalog.runtimes import RUNTIMES
from sabench.measure.core_company import AT_ONCE
from sabench.measure.cores import pinned_cores, preset_of
from sabench.measure.device_facts import job_facts
from sabench.measure.execution import Execution, Output
from sabench.measure.faults import NonFiniteError, is_out_of_memory
from sabench.measure.instruments import make_instruments
from sabench.measure.load import ForeignLoad
from sabench.measure.outcome import Outcome, conclude
from sabench.measure.protocol import Protocol, ShowFigure, show_nothing
from sabench.measure.resident_memory import reset_peak, resident_memory
from sabench.measure.subject import Subject
from sabench.measure.termination import Termination
from sabench.measure.timer import Timer
from sabench.measure.turns import Alone, Awake, Turns
from sabench.measure.versions import installed_version
from sabench.records import INFORMATIVE, Flag, Reading, Record, Status

GRAPH = METRICS["latency_graph"]
ALONE = Alone()
Also = Callable[[Subject, Execution], dict[str, JsonValue]]
NO_ROOM = "no memory left for it beside the case, which fits"


def run_job(
    job: Job,
    batch: Batch,
    flags: tuple[Flag, ...] = (),
    show_figure: ShowFigure = show_nothing,
    termination: Termination | None = None,
    turns: Turns = ALONE,
) -> tuple[Record, bool]:
    """The job's record, and whether this process must not go on. Never raises."""

    def work(taken: dict[str, Reading]) -> Outcome:
        return measure_case(job, batch, flags, show_figure, taken, turns)

    return conclude(job, batch, termination, work)


def measure_case(
    job: Job,
    batch: Batch,
    flags: tuple[Flag, ...],
    show_figure: ShowFigure,
    taken: dict[str, Reading],
    turns: Turns = ALONE,
    also: Also | None = None,
) -> Outcome:
    """Every metric of a layer's or network's job; each reading into `taken` as it comes.

    `also` is asked for more details afterwards.

    Raises: whatever the subject raises.
    """
    states: list[dict[str, str]] = []

    def look() -> None:
        if job.device != "cpu":
            states.append(job_facts(job.device))

    runtime = RUNTIMES[job.case.runtime]
    awake = Awake(turns, job.case.threads) if turns.count else None
    tools = make_instruments(job, preset_of(batch, flags), awake)
    protocol = Protocol(
        batch.preset,
        tools.timer,
        show_figure,
        look,
        started_s=tools.clock(),
        clock=tools.clock,
        sleep=tools.sleep,
        watch=tools.watch,
        turns=awake or turns,
        passes_over=job.case.threads <= AT_ONCE,  # of more, some slow blocks spoil all
    )
    subject: Subject = runtime.build(job)
    execution: Execution = runtime.load()(subject)
    details: dict[str, JsonValue] = {
        "torch_threads": tools.threads(),
        "cores": pinned_cores(batch.cores, flags),
    }
    if peer := IMPLEMENTATIONS[job.case.implementation].package:
        details["peer"] = f"{peer} {installed_version(peer)}"
    execution.growth_start = reset_peak()  # behind a compiler, whose own memory is not the case's
    with execution.context():
        first_call(execution, protocol.timer)
        if job.plant != 1.0:
            from sabench.measure.plant import plant  # few jobs have one; it takes torch

            details["plant"] = plant(job, execution, protocol.timer)
        before = tools.usage()  # from here: a compiler's processes are ours, and not told as such
        tools.watch.start()
        try:
            readings, ran_out = _readings(job, subject, execution, protocol, taken)
        finally:
            tools.watch.stop()
        load = ForeignLoad.between(before, tools.usage())
        if also is not None:
            details |= also(subject, execution)
    flags += load.flags
    details |= load.told()
    if (best := protocol.timer.details.get("core_best")) is not None:
        details["core_best"] = best
    if job.device != "cpu":
        if not states:  # nothing was timed
            look()
        details["device"] = {**states[-1]}
        details["device_watch"] = tools.watch.reason or "all was told"
    status = _status(protocol, readings, flags)
    return Outcome(status, protocol.message, readings, flags, details, ends_process=ran_out)


def first_call(execution: Execution, timer: Timer) -> None:
    """Call once, timed, and look at what comes out.

    Raises: NonFiniteError if the output or a gradient is not finite.
    """
    kept: list[Output] = []
    peak = execution.watch_peak()
    execution.first_call_s = timer.once(lambda: kept.append(execution.call()))
    execution.first_allocated, execution.first_peak = peak(), resident_memory()
    if not execution.is_finite(kept[0]):
        raise NonFiniteError("the first call gives values that are not finite")


def _readings(
    job: Job,
    subject: Subject,
    execution: Execution,
    protocol: Protocol,
    found: dict[str, Reading],
) -> tuple[dict[str, Reading], bool]:
    """What was asked for, each function called once; those that trace the module come last.

    And whether memory ran out in a metric that takes more than the case itself: a flush's buffer,
    copies, a graph. That costs its figure alone, but another case needs a fresh process.

    Where the host bounds the device's time, the time in a graph stands beside it, asked for or not.
    A capture that fails leaves torch's allocator in doubt, so it comes after what runs as usual.
    """
    asked = [METRICS[name] for name in job.metrics]
    there = [metric for metric in asked if job.device.startswith(metric.needs)]
    targets = {metric.target: metric for metric in there if metric != GRAPH}
    usual = [metric for metric in targets.values() if not (metric.traces or metric.follows)]
    following = [metric for metric in targets.values() if metric.follows]
    tracing = [metric for metric in targets.values() if metric.traces]
    tracing.sort(key=list(METRICS.values()).index)  # a counter's word of the closed form stands

    ran_out = False

    def measure(metric: Metric) -> None:
        nonlocal ran_out
        try:
            found.update(RUNTIMES[job.case.runtime].measure(metric)(subject, execution, protocol))
        except Exception as error:
            if not (metric.takes_room and is_out_of_memory(error)):
                raise
            ran_out = True
            together = [one for one in asked if one.target == metric.target]
            found.update({one.name: Reading.absent(one.unit, NO_ROOM) for one in together})

    for metric in usual:
        measure(metric)
    if _is_host_bound(found) and GRAPH not in asked:
        asked.append(GRAPH)
        there.append(GRAPH)
    if GRAPH in there:
        measure(GRAPH)
    for metric in (*following, *tracing):
        measure(metric)
    for metric in asked:
        if metric not in there:
            reason = f"needs a {metric.needs} device, not {job.device}"
            found[metric.name] = Reading.absent(metric.unit, reason)
    return {metric.name: found[metric.name] for metric in asked}, ran_out


def _is_host_bound(found: dict[str, Reading]) -> bool:
    return "latency_warm" in found and Flag.HOST_BOUND in found["latency_warm"].flags


def _status(protocol: Protocol, readings: dict[str, Reading], flags: tuple[Flag, ...]) -> Status:
    if protocol.status is not Status.OK:
        return protocol.status
    raised = set(flags).union(*(reading.flags for reading in readings.values()))
    return Status.OK_FLAGGED if raised - INFORMATIVE else Status.OK
