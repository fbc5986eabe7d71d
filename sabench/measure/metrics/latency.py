"""Time of one call, and what it took to get there."""

from pydantic import JsonValue

from sabench.measure.execution import Execution
from sabench.measure.protocol import Protocol
from sabench.measure.subject import Subject
from sabench.records import Reading

APART = ("latency_cold", "latency_graph", "host_time")
COMPILER = ("graph_breaks", "recompiles")


def measure(subject: Subject, execution: Execution, protocol: Protocol) -> dict[str, Reading]:
    """Latency and throughput, warm; seconds to build, compile and call for the first time."""
    timing = protocol.measure(execution.call)
    batch = subject.case.batch
    return {
        "latency_warm": Reading.of("s", timing.samples, flags=timing.flags, details=timing.details),
        "throughput": Reading.of(
            "1/s", [batch / sample for sample in timing.samples], flags=timing.flags
        ),
        **{name: Reading.absent("s", "not timed apart here") for name in APART},
        **{name: Reading.absent("1", "the runtime does not compile") for name in COMPILER},
        "build_time": Reading.of("s", [subject.build_s]),
        "compile_time": _once(execution.compile_s, "the runtime does not compile", caches="empty"),
        "first_call": _once(
            execution.first_call_s,
            "no first call was timed",
            call="the first" if execution.compile_s is None else "after the compiling one",
        ),
    }


def _once(seconds: float | None, reason: str, **details: JsonValue) -> Reading:
    if seconds is None:
        return Reading.absent("s", reason)
    return Reading.of("s", [seconds], details=details)
