"""Time of one call, and what it took to get there."""

from pydantic import JsonValue

from sabench.measure.execution import Execution
from sabench.measure.judging import Timing
from sabench.measure.metrics.compilation import recompiled
from sabench.measure.protocol import Protocol
from sabench.measure.subject import Subject
from sabench.records import Flag, Reading

HOST_SHARE = 0.1  # of the measuring budget: the host's time is looked at, not settled


def measure(subject: Subject, execution: Execution, protocol: Protocol) -> dict[str, Reading]:
    """Latency and throughput, warm; seconds to build, compile and call for the first time."""
    timing = protocol.measure(execution.call)
    flags = timing.flags + recompiled(execution)
    return {
        "latency_warm": Reading.of("s", timing.samples, flags=flags, details=timing.details),
        "latency_cycles": _cycles(subject, timing, flags),
        "throughput": _throughput(subject.case.batch, timing.samples, flags),
        "host_time": _host_time(subject, execution, protocol, timing.flags),
        "build_time": Reading.of("s", [subject.build_s]),
        "compile_time": _once(execution.compile_s, "the runtime does not compile", caches="empty"),
        "first_call": _once(
            execution.first_call_s,
            "no first call was timed",
            call="the first" if execution.compile_s is None else "after the compiling one",
        ),
    }


def _cycles(subject: Subject, timing: Timing, flags: tuple[Flag, ...]) -> Reading:
    """Of another clock the same: what tells slower work from a slower clock."""
    if subject.device == "cpu":
        return Reading.absent("cycle", "the clock of the CPU is not read while it is timed")
    if not timing.cycles:
        return Reading.absent("cycle", "the device did not tell its clock while it was timed")
    return Reading.of("cycle", timing.cycles, flags=flags)


def _throughput(batch: int, samples: tuple[float, ...], flags: tuple[Flag, ...]) -> Reading:
    if min(samples) <= 0.0:
        return Reading.absent("1/s", "a call took no time that the timer resolves")
    return Reading.of("1/s", [batch / sample for sample in samples], flags=flags)


def _host_time(
    subject: Subject, execution: Execution, protocol: Protocol, flags: tuple[Flag, ...]
) -> Reading:
    """Wall seconds of call and synchronise: at most as many as the preset's fewest samples."""
    if subject.device == "cpu":
        return Reading.absent("s", "on the CPU a call's wall time is latency_warm")
    start, preset = protocol.clock(), protocol.preset
    limit = min(HOST_SHARE * preset.budget_s, protocol.remaining_s())
    samples = [protocol.timer.once(execution.call)]
    while len(samples) < preset.samples_min and protocol.clock() - start < limit:
        samples.append(protocol.timer.once(execution.call))
    bound = tuple(flag for flag in flags if flag is Flag.HOST_BOUND)
    return Reading.of("s", samples, flags=bound)


def _once(seconds: float | None, reason: str, **details: JsonValue) -> Reading:
    if seconds is None:
        return Reading.absent("s", reason)
    return Reading.of("s", [seconds], details=details)
