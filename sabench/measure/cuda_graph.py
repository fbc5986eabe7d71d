"""CUDA graphs: calls captured once and replayed, without the host's cost of launching them."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch

from sabench.errors import MeasurementError
from sabench.measure.cuda_timer import CudaTimer
from sabench.measure.timer import Call

Out = TypeVar("Out")

WARM_UPS = 3  # on a side stream: workspaces, autotuners and lazy modules settle before a capture
MOST_CALLS = 1000
REPLAY_S = 1e-3  # a replay takes this long or one call: launch and events are 0.5 % of it


@dataclass(frozen=True, slots=True)
class Captured(Generic[Out]):
    """A graph and the output that every replay writes anew."""

    graph: Any
    out: Out

    def replay(self) -> Out:
        """Queue all captured calls at once."""
        self.graph.replay()
        return self.out


def warm_up(cuda: Any, device: str, call: Call) -> None:
    """Call a few times on a side stream, as a capture asks for."""
    side = cuda.Stream(device)
    side.wait_stream(cuda.current_stream(device))
    with cuda.stream(side):
        for _ in range(WARM_UPS):
            call()
    cuda.current_stream(device).wait_stream(side)
    cuda.synchronize(device)


def capture(cuda: Any, call: Callable[[], Out], calls: int = 1) -> Captured[Out]:
    """Record that many calls into one graph; nothing runs yet.

    Raises: MeasurementError with what the driver said if a call cannot be captured.
    """
    graph, stream = cuda.CUDAGraph(), cuda.current_stream()
    try:
        with cuda.graph(graph, capture_error_mode="thread_local"):  # others watch the device
            for _ in range(calls):
                out = call()
    except RuntimeError as error:
        cuda.set_stream(stream)  # a broken capture leaves its own stream behind
        first = error.__context__ or error  # ending a broken capture raises again
        if isinstance(first, torch.OutOfMemoryError):
            raise first from None
        message = " ".join(str(first).split())
        raise MeasurementError(f"the call cannot be captured: {message[:200]}") from error
    return Captured(graph, out)


class GraphTimer(CudaTimer):
    """Device time of a call inside a replayed graph of many: one replay between two events.

    The graph is captured when it is first calibrated, and belongs to that call.
    """

    def __init__(
        self, cuda: Any, device: str, clock_ns: Callable[[], int] = time.perf_counter_ns
    ) -> None:
        super().__init__(cuda, device, clock_ns)
        self._captured: Captured[object] | None = None

    def calibrate(self, call: Call, estimate_s: float) -> None:
        """Capture as many calls as fill a replay, then what a replay costs host and device.

        Raises: MeasurementError if the call cannot be captured.
        """
        if self._captured is None:
            warm_up(self._cuda, self._device, call)
            super().calibrate(call, estimate_s)
            self._captured = capture(self._cuda, call, self.calls)
        replay = self._captured.replay
        enqueue_s = self._enqueue_s(replay)
        device_s = self._device_s(replay, enqueue_s)
        self.enqueue_s, self.device_s = enqueue_s / self.calls, device_s / self.calls
        self._pace(enqueue_s, device_s)

    def _calls_per_sample(self) -> int:
        """A millisecond's worth, at most a thousand; one where a call takes longer."""
        return max(1, min(MOST_CALLS, math.ceil(REPLAY_S / max(self.device_s, 1e-9))))

    def _turn(self, call: Call) -> None:
        assert self._captured is not None
        self._captured.replay()

    @property
    def timing(self) -> str:
        """One replay between two events."""
        return "graph"
