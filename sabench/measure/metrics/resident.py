"""Growth of the process's peak resident memory while the subject runs. Best in a process alone."""

from pydantic import JsonValue

from sabench.measure.execution import Execution
from sabench.measure.protocol import Protocol
from sabench.measure.resident_memory import reset_peak, resident_memory
from sabench.measure.subject import Subject
from sabench.records import Reading

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
    details: dict[str, JsonValue] = {"before_bytes": before.now, "peak_bytes": peak}
    return Reading.of("B", [max(0, peak - before.now)], details=details)
