"""Parameters and MACs: the closed form as truth, three counters beside it."""

from collections.abc import Callable

import torch
from pydantic import JsonValue

from sabench.cases.case import Case
from sabench.cases.cost import CaseCost, case_cost
from sabench.count import CounterResult, Counts, count, flop_count, parameters_of
from sabench.measure.building import build_module, input_shape
from sabench.measure.execution import Execution
from sabench.measure.protocol import Protocol
from sabench.measure.subject import Subject
from sabench.records import Flag, Reading

AGREES = 0.01  # relative difference between a counter and what the implementation executes
SMALL_BYTES, SMALL_MACS = 2 * 1024**3, 20 * 10**9  # a case is run on the host only below both


def measure(subject: Subject, execution: Execution, protocol: Protocol) -> dict[str, Reading]:
    """Parameters and the closed form, of one image and one forward pass: no counter is loaded."""
    cost, module = case_cost(subject.case), subject.module
    image = tuple(subject.x.shape[1:])
    return _definition(cost, parameters_of(module), lambda: flop_count(module, image))


def counters(subject: Subject, execution: Execution, protocol: Protocol) -> dict[str, Reading]:
    """The same with the three counters beside it, which may flag it."""
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
    told = {
        "macs_flop_counter": _counter(counts.flop_counter, executed),
        "macs_fvcore": _counter(counts.fvcore, executed),
        "macs_ptflops": _counter(counts.ptflops, executed),
    }
    params = (counts.params, counts.params_trainable)
    found = _definition(cost, params, lambda: counts.flop_counter)
    if any(Flag.MACS_MISMATCH in reading.flags for reading in told.values()):
        found["macs"] = found["macs"].model_copy(update={"flags": (Flag.MACS_MISMATCH,)})
    return {**found, **told}


def _definition(
    cost: CaseCost | None, params: tuple[int, int], trace: Callable[[], CounterResult]
) -> dict[str, Reading]:
    """What is gated and ranked by: the closed form, or without one what was traced."""
    if cost is not None:
        macs = Reading.of("MAC", [cost.macs])
        done = Reading.of("MAC", [cost.macs_executed])
        flops = Reading.of("FLOP", [2 * cost.macs])
    else:
        traced = trace()
        macs = done = _unverified(traced, "MAC", 1)
        flops = _unverified(traced, "FLOP", 2)
    return {
        "params": Reading.of("1", [params[0]]),
        "params_trainable": Reading.of("1", [params[1]]),
        "macs": macs,
        "macs_executed": done,
        "flops": flops,
    }


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
