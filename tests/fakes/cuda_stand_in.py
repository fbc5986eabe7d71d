"""A stand-in for torch.cuda that keeps time for a host and a device, and asserts their order.

Queueing a call costs the host; the device begins it when it is queued and all before it is done.
Every rule is an assertion that fires where it is broken, whatever test is running:

- an event pair stands behind a head start (a sleep queued since the last synchronisation);
- nothing is flushed between the two events of a call, and with `cold` every sample is flushed;
- an event is read only after the device was waited for;
- a graph is captured only after a warm-up on a side stream that the current one has waited for;
- nothing is allocated, recorded or waited for while a stream is captured.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import torch
from torch import Tensor

from sabench.measure.cuda_timer import CYCLES_PER_S

DEVICE = "cuda:1"
MOST_PAIRS = 64  # samples between two synchronisations


class CudaStandIn:
    """torch.cuda as timers, graphs and metrics use it. `log` is what was asked for, in order."""

    def __init__(
        self,
        call_s: float = 1e-3,
        enqueue_s: float = 1e-6,
        *,
        cold_s: float | None = None,
        flush_s: float = 30e-6,
        event_s: float = 0.0,
        record_s: float = 0.0,
        l2: int = 50 * 2**20,
        cold: bool = False,
        uncapturable: str = "",
    ) -> None:
        self.log: list[str] = []
        self.call_s, self.enqueue_s, self.event_s = call_s, enqueue_s, event_s
        self.record_s = record_s
        self.cold_s, self.flush_s = cold_s if cold_s is not None else call_s, flush_s
        self.l2, self.cold, self.uncapturable = l2, cold, uncapturable
        self.host_s = self.device_s = 0.0  # the device's: when all that is queued is done
        self.stream_now = "current"
        self.graphs: list[StandInGraph] = []
        self.capturing: StandInGraph | None = None
        self.allocated, self.peak, self.reserved = 100, 350, 512
        self.out = torch.zeros(4)
        self._is_flushed = self._has_head_start = self._is_warm = self._is_open = False
        self._waits: set[str] = set()  # "side waits for current"
        self._pairs = 0
        self._inside: set[str] = set()  # what was queued since the last event

    def clock_ns(self) -> int:
        """The host's clock."""
        return round(1e9 * self.host_s)

    def clock(self) -> float:
        """The host's clock in seconds."""
        return self.host_s

    def run(self, seconds: float) -> None:
        """Work for the device."""
        self.device_s = max(self.device_s, self.host_s) + seconds

    def call(self, seconds: float | None = None) -> Tensor:
        """One call of what is measured: captured, or queued; slower where the cache is cold."""
        self.host_s += self.enqueue_s
        took = seconds
        if took is None:
            took = self.cold_s if self._is_flushed else self.call_s
        if self.capturing is not None:
            self.capturing.seconds += took
            self.log.append("captured call")
            if self.uncapturable:
                raise RuntimeError(self.uncapturable)
            return self.out
        self.queue("call", took)
        return self.out

    def flush(self) -> None:
        """Write the flush buffer."""
        assert self.capturing is None, "a flush buffer is written while a stream is captured"
        self.host_s += self.enqueue_s
        self.queue("flush", self.flush_s)
        self._is_flushed = True

    def queue(self, what: str, seconds: float) -> None:
        """Something runs on the device: a call, a flush, a replay."""
        self.run(seconds)
        self._inside.add(what)
        both = {"flush", "call"} <= self._inside or {"flush", "replay"} <= self._inside
        assert not (both and self._is_open), "a flush stands inside the event pair of a call"
        self.log.append(what)
        if what in ("call", "replay"):
            self._is_flushed = False
            self._is_warm |= self.stream_now == "side"

    def recorded(self, event: "StandInEvent") -> None:
        """An event was queued."""
        assert self.capturing is None, "an event is recorded while a stream is captured"
        assert self._has_head_start, "an event pair without a head start since the last wait"
        self.host_s += self.record_s
        self.run(self.event_s)
        if not self._is_open:
            assert self._pairs < MOST_PAIRS, "more than 64 samples in a chunk"
            assert self._is_flushed or not self.cold, "a cold sample without a flush before it"
            self._inside = set()
        else:
            self._pairs += bool(self._inside)
            self._inside = set()
        self._is_open = not self._is_open
        event.at_s, event.position = self.device_s, len(self.log)
        self.log.append("record")

    def waits(self, what: str) -> None:
        """A stream waits for another."""
        self._waits.add(what)
        self.log.append(what)

    def Event(self, *, enable_timing: bool) -> "StandInEvent":  # noqa: N802 - torch's name
        assert enable_timing
        return StandInEvent(self)

    def Stream(self, device: str) -> "StandInStream":  # noqa: N802 - torch's name
        return StandInStream(self, "side")

    def CUDAGraph(self) -> "StandInGraph":  # noqa: N802 - torch's name
        self.graphs.append(StandInGraph(self))
        return self.graphs[-1]

    def current_stream(self, device: str | None = None) -> "StandInStream":
        return StandInStream(self, self.stream_now)

    def set_stream(self, stream: "StandInStream") -> None:
        self.stream_now = stream.name

    @contextmanager
    def stream(self, stream: "StandInStream") -> Iterator[None]:
        assert "side waits for current" in self._waits, "a side stream that waits for nothing"
        before, self.stream_now = self.stream_now, stream.name
        self.log.append("side stream")
        yield
        self.stream_now = before

    @contextmanager
    def graph(self, graph: "StandInGraph", *, capture_error_mode: str) -> Iterator[None]:
        """Capture on a side stream of torch's own, which stays where ending the capture fails."""
        assert capture_error_mode == "thread_local", "another thread's calls would end the capture"
        assert self._is_warm, "a capture without a warm-up on a side stream"
        assert "current waits for side" in self._waits, "a warm-up that nobody waited for"
        assert self.capturing is None, "a capture inside a capture"
        assert self.stream_now == "current", "a capture inside another stream's block"
        self.synchronize(DEVICE)
        self.log.append("capture begins")
        self.capturing, self.stream_now = graph, "side"
        try:
            yield
        finally:
            self.capturing = None
            self.log.append("capture ends")
            if self.uncapturable:
                raise RuntimeError("capture was invalidated by an earlier error")
            self.stream_now = "current"

    def _sleep(self, cycles: int) -> None:
        assert cycles > 0
        self.run(cycles / CYCLES_PER_S)
        self._has_head_start, self._pairs = True, 0
        self.log.append("sleep")

    def synchronize(self, device: str) -> None:
        assert self.capturing is None, "the device is waited for while a stream is captured"
        assert device == DEVICE
        assert not self._is_open, "the device is waited for inside an event pair"
        self.host_s = max(self.host_s, self.device_s)
        self._has_head_start, self._inside = False, set()
        self.log.append("synchronize")

    def allocate(self, what: str = "memory") -> None:
        """Somebody asks the driver for memory."""
        assert self.capturing is None, f"{what} is allocated while a stream is captured"

    def get_device_properties(self, device: str) -> SimpleNamespace:
        return SimpleNamespace(L2_cache_size=self.l2, name="Stand-in")

    def set_device(self, device: str) -> None:
        self.log.append(f"set_device {device}")

    def is_initialized(self) -> bool:
        return True

    def empty_cache(self) -> None:
        self.allocate("the cache")
        self.log.append("empty_cache")

    def reset_peak_memory_stats(self, device: str) -> None:
        self.log.append("reset_peak")

    def memory_allocated(self, device: str) -> int:
        return self.allocated

    def max_memory_allocated(self, device: str) -> int:
        assert self.log[-1] == "synchronize", "a peak is read before the work is done"
        return self.peak

    def max_memory_reserved(self, device: str) -> int:
        return self.reserved

    def memory_stats(self, device: str) -> dict[str, int]:
        return {"inactive_split_bytes.all.peak": 64}

    def get_allocator_backend(self) -> str:
        return "native"


class StandInEvent:
    """Keeps the device's clock when it is recorded; may be read after a synchronisation only."""

    def __init__(self, cuda: CudaStandIn) -> None:
        self.cuda, self.at_s, self.position = cuda, -1.0, -1

    def record(self) -> None:
        self.cuda.recorded(self)

    def elapsed_time(self, end: "StandInEvent") -> float:
        waited = "synchronize" in self.cuda.log[end.position :]
        assert waited, "an event is read before the device was waited for"
        return 1e3 * (end.at_s - self.at_s)


class StandInStream:
    """A stream by its name; waits are written down."""

    def __init__(self, cuda: CudaStandIn, name: str) -> None:
        self.cuda, self.name = cuda, name

    def wait_stream(self, other: "StandInStream") -> None:
        self.cuda.waits(f"{self.name} waits for {other.name}")


class StandInGraph:
    """The seconds that were captured; a replay queues them all."""

    def __init__(self, cuda: CudaStandIn) -> None:
        self.cuda, self.seconds = cuda, 0.0

    def replay(self) -> None:
        assert self.seconds, "an empty graph is replayed"
        self.cuda.host_s += self.cuda.enqueue_s
        self.cuda.queue("replay", self.seconds)
