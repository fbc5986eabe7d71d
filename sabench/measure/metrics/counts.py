"""Parameters and MACs: the closed form as truth, three counters beside it."""

import torch
from pydantic import JsonValue

from sabench.cases.case import Case
from sabench.cases.cost import CaseCost, case_cost
from sabench.count import CounterResult, Counts, count
from sabench.measure.execution import Execution
from sabench.measure.protocol import Protocol
from sabench.measure.subject import Subject, build_module, input_shape
from sabench.records import Flag, Reading

AGREES = 0.01  # relative difference between a counter and what the implementation executes
SMALL_BYTES, SMALL_MACS = 2 * 1024**3, 20 * 10**9  # a case is run on the host only below both


def measure(subject: Subject, execution: Execution, protocol: Protocol) -> dict[str, Reading]:
    """All counts, of one image and one forward pass."""
    return readings(case_cost(subject.case), _counted(subject))


def counts_of(case: Case) -> dict[str, Reading]:
    """All counts of a case that is built for this alone: with its data only if it is small.

    Raises: ConfigError if the case cannot be built.
    """
    with torch.device("cpu" if _is_small(case) else "meta"):
        module = build_module(case)
    return readings(case_cost(case), count(module, input_shape(case)))


def _is_small(case: Case) -> bool:
    """Whether one image's forward pass in fp32, which is what counters run, is cheap."""
    cost = case_cost(case.model_copy(update={"batch": 1, "mode": "forward", "dtype": "fp32"}))
    if cost is None:
        return False
    return cost.workspace_bytes < SMALL_BYTES and cost.macs_executed < SMALL_MACS


def readings(cost: CaseCost | None, counts: Counts) -> dict[str, Reading]:
    """The closed form; without one, what FlopCounterMode counted, marked unverified."""
    executed = cost.macs_executed if cost else None
    counters = {
        "macs_flop_counter": counts.flop_counter,
        "macs_fvcore": counts.fvcore,
        "macs_ptflops": counts.ptflops,
    }
    told = {name: _counter(result, executed) for name, result in counters.items()}
    if cost:
        flags = (Flag.MACS_MISMATCH,) if _any_mismatch(told) else ()
        macs = Reading.of("MAC", [cost.macs], flags=flags)
        done = Reading.of("MAC", [cost.macs_executed])
        flops = Reading.of("FLOP", [2 * cost.macs])
    else:
        macs = done = _unverified(counts.flop_counter, "MAC", 1)
        flops = _unverified(counts.flop_counter, "FLOP", 2)
    return {
        "params": Reading.of("1", [counts.params]),
        "params_trainable": Reading.of("1", [counts.params_trainable]),
        "macs": macs,
        "macs_executed": done,
        "flops": flops,
        **told,
    }


def _any_mismatch(told: dict[str, Reading]) -> bool:
    return any(Flag.MACS_MISMATCH in reading.flags for reading in told.values())


def _counter(result: CounterResult, executed: int | None) -> Reading:
    """A counter's word. It is held to the closed form only if it passed no operator over."""
    if result.macs is None:
        return Reading.absent("MAC", f"{result.reason} (version {result.version})")
    details: dict[str, JsonValue] = {"version": result.version}
    details["uncounted_ops"] = dict(result.uncounted_ops)
    flags: tuple[Flag, ...] = ()
    if executed is not None:
        details["over_executed"] = result.macs / executed if executed else None
        if not result.uncounted_ops and abs(result.macs - executed) > AGREES * executed:
            flags = (Flag.MACS_MISMATCH,)
    return Reading.of("MAC", [result.macs], flags=flags, details=details)


def _unverified(result: CounterResult, unit: str, factor: int) -> Reading:
    if result.macs is None:
        return Reading.absent(unit, f"no closed form, and the counter failed: {result.reason}")
    details: dict[str, JsonValue] = {"uncounted_ops": dict(result.uncounted_ops)}
    return Reading.of(unit, [factor * result.macs], flags=(Flag.MACS_UNVERIFIED,), details=details)


Key = tuple[object, ...]
_COUNTED: dict[Key, Counts] = {}


def _counted(subject: Subject) -> Counts:
    """Counted once per architecture in a process: dtype, batch and mode change nothing."""
    case = subject.case
    key: Key = (case.file, case.subject, case.channels, case.size, case.resolution, case.stride)
    key += (case.implementation, *case.options.items())
    if key not in _COUNTED:
        _COUNTED[key] = count(subject.module, tuple(subject.x.shape[1:]))
    return _COUNTED[key]
