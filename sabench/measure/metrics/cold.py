"""Time of one call with a cold L2, and what shows that it was cold."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from pydantic import JsonValue

from sabench.errors import MeasurementError
from sabench.measure.calls import execution_of
from sabench.measure.cuda_cold import (
    FLUSHES_ITSELF,
    ColdProof,
    ColdTimer,
    Rotation,
    SingleTimer,
    copies_needed,
    flush_bytes,
    l2_bytes,
    make_flush,
    prove_cold,
    reset_persisting,
)
from sabench.measure.cuda_timer import CudaTimer
from sabench.measure.execution import Execution
from sabench.measure.protocol import Protocol
from sabench.measure.subject import Subject
from sabench.measure.timer import Call, Timer
from sabench.measure.touched import Touched, copy_of, touched_bytes
from sabench.records import Flag, Reading

EVICTS_ITSELF = 2  # a network that touches this many L2 is as cold as it gets
MOST_COPIES = 256


@dataclass(frozen=True, slots=True)
class Chill:
    """How the L2 is emptied for one subject, and what speaks for it."""

    timer: Timer
    details: dict[str, JsonValue]
    call: Call | None = None  # in place of the subject's
    flags: tuple[Flag, ...] = ()


def measure(subject: Subject, execution: Execution, protocol: Protocol) -> dict[str, Reading]:
    """Latency with the L2 emptied before every call; a large network empties it by itself."""
    if protocol.remaining_s() <= 0:
        return {"latency_cold": Reading.absent("s", "the case's deadline left no time for it")}
    l2 = l2_bytes(torch.cuda, subject.device)
    touched = touched_bytes(subject, execution)
    if subject.case.kind == "network" and 0 < EVICTS_ITSELF * l2 < touched.traffic:
        reason = f"a network evicts itself: {touched.traffic} bytes touched, L2 {l2}"
        return {"latency_cold": Reading.absent("s", reason)}
    chill = _chill(torch.cuda, subject, touched, l2)
    timing = protocol.measure(chill.call or execution.call, chill.timer)
    details: dict[str, JsonValue] = {
        **timing.details,
        **chill.details,
        "cache": "cold",
        "l2_bytes": l2,
        "touched_bytes": touched.traffic,
    }
    flags = timing.flags + chill.flags
    return {"latency_cold": Reading.of("s", timing.samples, flags=flags, details=details)}


def _chill(cuda: Any, subject: Subject, touched: Touched, l2: int) -> Chill:
    """By size alone, by a flush that was proved, else by rotation; else it says so."""
    device = subject.device
    if 0 < FLUSHES_ITSELF * l2 < touched.distinct:
        told = f"no flush: weights, input and output are more than {FLUSHES_ITSELF} x L2"
        return Chill(SingleTimer(cuda, device), {"cold_by": told})
    proof = proof_of(device)
    details: dict[str, JsonValue] = {"cold_proof": proof.told()}
    if not proof.holds:
        try:
            call = _rotation(subject, touched.inputs, l2)
        except MeasurementError as error:
            details["rotation"] = str(error)
        else:
            details |= {"cold_by": "rotation", "copies": call.copies}
            return Chill(CudaTimer(cuda, device), details, call)
    details |= {
        "cold_by": "flush",
        "flush_bytes": flush_bytes(l2),
        "persisting_l2": reset_persisting(),
    }
    flags = () if proof.holds else (Flag.COLD_UNPROVED,)
    return Chill(ColdTimer(cuda, device, make_flush(device, l2)), details, flags=flags)


def _rotation(subject: Subject, inputs: int, l2: int) -> Rotation:
    """The same call on copies of module and input that push one another out.

    Raises: MeasurementError if there are too few copies, or the runtime knows one input only.
    """
    if subject.case.runtime != "eager":
        raise MeasurementError(f"runtime {subject.case.runtime} cannot rotate its inputs")
    copies = [copy_of(subject) for _ in range(min(MOST_COPIES, copies_needed(l2, inputs)))]
    return Rotation([execution_of(one, one.module).call for one in copies], inputs, l2)


@cache
def proof_of(device: str) -> ColdProof:
    """Whether a flush empties this device's L2: timed once in a process."""
    l2 = l2_bytes(torch.cuda, device)
    return prove_cold(torch.cuda, device, make_flush(device, l2), l2)
