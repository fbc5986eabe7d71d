"""The least time that the device could take for the case, by ceilings measured in this process."""

from functools import cache

from pydantic import JsonValue

from sabench.cases.floor import BOUNDS, bounds, least_work, precision
from sabench.measure.building import DTYPES
from sabench.measure.ceilings import measure_ceiling, moved_bytes
from sabench.measure.execution import Execution
from sabench.measure.instruments import make_timer
from sabench.measure.protocol import Protocol
from sabench.measure.subject import Subject
from sabench.records import Reading

PARTS = tuple(f"floor_{kind}" for kind in BOUNDS)
NOTHING = "nothing to do: no floor to hold it against"


def measure(subject: Subject, execution: Execution, protocol: Protocol) -> dict[str, Reading]:
    """The floor of each kind of work, and the longest of them.

    The call is the whole batch's, as latency_warm is. A ceiling is the best of this process; what
    slowed it makes a floor too high, so the lowest over the processes is the bound.
    """
    case = subject.case
    work = least_work(case)
    if work is None:
        return _absent("floor", *PARTS, reason="no closed form: no floor to hold it against")
    readings: dict[str, Reading] = {}
    found: dict[str, float] = {}
    reason = NOTHING
    for kind, names in BOUNDS.items():
        if not getattr(work, kind):
            readings |= _absent(f"floor_{kind}", reason="the case has none of it")
            continue
        if protocol.remaining_s() <= 0:
            return _absent("floor", *PARTS, reason="the case's deadline left no time for it")
        moved = moved_bytes(work) if kind == "bytes" else 0
        at = (subject.device, precision(case), case.threads, moved)
        told = {name: _ceiling(name, *at) for name in names}
        rates = {name: rate for name, rate in told.items() if isinstance(rate, float)}
        found |= rates
        if not rates:
            reason = f"no ceiling: {'; '.join(map(str, told.values()))}"
            readings |= _absent(f"floor_{kind}", reason=reason)
    held = bounds(work, found)
    if not held:
        return _absent("floor", reason=reason) | readings
    for bound in held:
        details: dict[str, JsonValue] = {
            "amount": bound.amount,
            "ceiling": bound.ceiling,
            "rate": bound.rate,
        }
        readings[f"floor_{bound.name}"] = Reading.of("s", [bound.seconds], details=details)
    return {"floor": Reading.of("s", [held[0].seconds], details={"by": held[0].name}), **readings}


@cache
def _ceiling(name: str, device: str, dtype: str, threads: int, moved: int) -> float | str:
    """Once in a process; `moved` tells sizes apart where they have ceilings of their own."""
    return measure_ceiling(name, device, DTYPES[dtype], moved, make_timer(device, threads))


def _absent(*names: str, reason: str) -> dict[str, Reading]:
    return {name: Reading.absent("s", reason) for name in names}
