"""Growth of the process's peak resident memory while the subject runs. Best in a process alone."""

from pydantic import JsonValue

from sabench.measure.execution import Execution
from sabench.measure.periodic import Periodic
from sabench.measure.protocol import Protocol
from sabench.measure.resident_memory import (
    family_memory,
    max_rss,
    reset_peak,
    resident_memory,
)
from sabench.measure.subject import Subject
from sabench.records import Reading

FAMILY_PERIOD_S = 0.02
CALLS = 2  # after the first: memory that only a second call touches counts too


def measure(subject: Subject, execution: Execution, protocol: Protocol) -> dict[str, Reading]:
    """Bytes from before the first call, building and compiling done, to the peak of three."""
    return {"peak_rss_growth": _growth(execution)}


def _growth(execution: Execution) -> Reading:
    """Two peaks, the higher: looking at the first call's values lies between, and is not its."""
    before, first = execution.growth_start, execution.first_peak
    steady = reset_peak()
    for _ in range(CALLS):
        execution.call()
    after = resident_memory()
    if before is None or first is None or steady is None or after is None:
        return Reading.absent("B", "this system does not tell resident memory")
    if not before.was_reset and first.peak <= before.peak:
        reason = f"the peak could not be reset, and an earlier one of {before.peak} B stands"
        return Reading.absent("B", reason)
    peak = max(first.peak, after.peak) if steady.was_reset else first.peak
    details: dict[str, JsonValue] = {
        "before_bytes": before.now,
        "peak_bytes": peak,
        "ru_maxrss_bytes": max_rss(),
        "with_children_bytes": _family_peak(execution),
    }
    return Reading.of("B", [max(0, peak - before.now)], details=details)


def _family_peak(execution: Execution) -> int | None:
    """The most that this process and its children held together; calls of its own, since the
    thread that looks takes memory too."""
    with Periodic(family_memory, FAMILY_PERIOD_S) as log:
        for _ in range(CALLS):
            execution.call()
    return max((held for _, held in log.taken), default=None)
