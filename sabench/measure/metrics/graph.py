"""Time of one call in a replayed CUDA graph: what the device takes without the host."""

import torch

from sabench.errors import MeasurementError
from sabench.measure.cuda_graph import GraphTimer
from sabench.measure.execution import Execution
from sabench.measure.protocol import Protocol
from sabench.measure.subject import Subject
from sabench.records import Flag, Reading


def measure(subject: Subject, execution: Execution, protocol: Protocol) -> dict[str, Reading]:
    """Latency in a graph, or why there is none."""
    if protocol.remaining_s() <= 0:
        return _absent("the case's deadline left no time for it")
    if subject.case.runtime == "cudagraph":
        return _absent("the runtime replays a graph already: latency_warm is its time")
    try:
        timing = protocol.measure(execution.call, GraphTimer(torch.cuda, subject.device))
    except MeasurementError as error:
        return _unsupported(str(error))
    reading = Reading.of("s", timing.samples, flags=timing.flags, details=timing.details)
    return {"latency_graph": reading}


def _absent(reason: str) -> dict[str, Reading]:
    return {"latency_graph": Reading.absent("s", reason)}


def _unsupported(message: str) -> dict[str, Reading]:
    return {
        "latency_graph": Reading(
            unit="s",
            reason=message,
            flags=(Flag.GRAPH_UNSUPPORTED,),
            details={"graph": "unsupported", "message": message},
        )
    }
