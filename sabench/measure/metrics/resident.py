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
    """The highest peak: looking at the first call's values lies between, and is no call's.

    What a call freed is given back before the next: the pinned allocator keeps it, and where it
    does not fit again the next call would seem to take twice as much.
    """
    before, first = execution.growth_start, execution.first_peak
    if before is None or first is None:
        return Reading.absent("B", "this system does not tell resident memory")
    if not before.was_reset and first.peak <= before.peak:
        reason = f"the peak could not be reset, and an earlier one of {before.peak} B stands"
        return Reading.absent("B", reason)
    peak = max(first.peak, *(_peak_of_call(execution) for _ in range(CALLS)))
    details: dict[str, JsonValue] = {
        "before_bytes": before.now,
        "peak_bytes": peak,
        "ru_maxrss_bytes": max_rss(),
        "with_children_bytes": _family_peak(execution),
    }
    return Reading.of("B", [max(0, peak - before.now)], details=details)


def _peak_of_call(execution: Execution) -> int:
    """The peak of one more call; 0 where the peak cannot be reset."""
    steady = reset_peak()
    execution.call()
    after = resident_memory()
    return after.peak if steady and steady.was_reset and after else 0


def _family_peak(execution: Execution) -> int | None:
    """The most that this process and its children held together; calls of its own, since the
    thread that looks takes memory too."""
    with Periodic(family_memory, FAMILY_PERIOD_S) as log:
        for _ in range(CALLS):
            execution.call()
    return max((held for _, held in log.taken), default=None)
