"""The least time that the device could take for the case, by ceilings measured in this process."""

from functools import cache

from pydantic import JsonValue

from sabench.cases.floor import BOUNDS, bounds, least_work, precision
from sabench.measure.building import DTYPES
from sabench.measure.ceilings import measure_ceilings, moved_bytes
from sabench.measure.execution import Execution
from sabench.measure.instruments import make_timer
from sabench.measure.protocol import Protocol
from sabench.measure.subject import Subject
from sabench.records import Reading


def measure(subject: Subject, execution: Execution, protocol: Protocol) -> dict[str, Reading]:
    """The floor of each kind of work, and the longest of them.

    The call is the whole batch's, as latency_warm is. A ceiling is the best of this process; what
    slowed it makes a floor too high, so the lowest over the processes is the bound.
    """
    parts = [f"floor_{kind}" for kind in BOUNDS]
    work = least_work(subject.case)
    if work is None:
        return _absent("floor", *parts, reason="no closed form: no floor to hold it against")
    if protocol.remaining_s() <= 0:
        return _absent("floor", *parts, reason="the case's deadline left no time for it")
    case = subject.case
    ceilings = _ceilings(subject.device, precision(case), case.threads, moved_bytes(work))
    found = bounds(work, ceilings)
    if not found:
        return _absent("floor", *parts, reason="nothing to do: no floor to hold it against")
    readings = _absent(*parts, reason="the case has none of it, or the device no such ceiling")
    for bound in found:
        details: dict[str, JsonValue] = {
            "amount": bound.amount,
            "ceiling": bound.ceiling,
            "rate": bound.rate,
        }
        readings[f"floor_{bound.name}"] = Reading.of("s", [bound.seconds], details=details)
    return {"floor": Reading.of("s", [found[0].seconds], details={"by": found[0].name}), **readings}


@cache
def _ceilings(device: str, dtype: str, threads: int, moved: int) -> dict[str, float]:
    """Once in a process: cases of one size and precision have the same."""
    return measure_ceilings(device, DTYPES[dtype], moved, make_timer(device, threads))


def _absent(*names: str, reason: str) -> dict[str, Reading]:
    return {name: Reading.absent("s", reason) for name in names}
