"""Timing on a CUDA device: events around calls, the device kept behind the host."""

import math
import time
from typing import Any

from pydantic import JsonValue

from sabench.measure.timer import Block, Call
from sabench.records import Flag

ESTIMATE_CALLS = 10
BLOCKED_BELOW_S = 50e-6  # an event resolves 0.5 to 1 us: 1 to 2 % of this
BLOCKED_S = 200e-6
HEAD_START_S = 200e-6
LONGEST_HEAD_START_S = 0.05
CHUNK = 64  # samples between two synchronisations
HOST_BOUND = 0.8  # enqueue time over device time
CYCLES_PER_S = 2e9  # a guess above most SM clocks: the head start only gets longer


class CudaTimer:
    """Device time of calls. `cuda` is torch.cuda, or a stand-in that records the order."""

    def __init__(self, cuda: Any, device: str) -> None:
        self._cuda, self._device = cuda, device
        self.calls = 1
        self.enqueue_s = self.device_s = 0.0

    def once(self, call: Call) -> float:
        """Wall seconds of one call, the device idle before and after."""
        self._cuda.synchronize(self._device)
        start = time.perf_counter_ns()
        call()
        self._cuda.synchronize(self._device)
        return (time.perf_counter_ns() - start) * 1e-9

    def calibrate(self, call: Call, estimate_s: float) -> None:
        """Compare what a call costs the host and the device; short calls share an event pair."""
        self._cuda.synchronize(self._device)
        self._sleep(HEAD_START_S)
        start, end = self._event(), self._event()
        began = time.perf_counter_ns()
        start.record()
        for _ in range(ESTIMATE_CALLS):
            call()
        end.record()
        self.enqueue_s = (time.perf_counter_ns() - began) * 1e-9 / ESTIMATE_CALLS
        self._cuda.synchronize(self._device)
        self.device_s = start.elapsed_time(end) * 1e-3 / ESTIMATE_CALLS
        blocked = self.device_s < BLOCKED_BELOW_S
        self.calls = math.ceil(BLOCKED_S / max(self.device_s, 1e-7)) if blocked else 1

    def chunk(self, call: Call, count: int) -> list[Block]:
        """Samples with one synchronisation for every 64."""
        blocks: list[Block] = []
        while len(blocks) < count:
            blocks += self._synchronised(call, min(CHUNK, count - len(blocks)))
        return blocks

    def _synchronised(self, call: Call, count: int) -> list[Block]:
        pairs = [(self._event(), self._event()) for _ in range(count)]
        lag = count * self.calls * max(0.0, self.enqueue_s - self.device_s)
        self._sleep(min(LONGEST_HEAD_START_S, max(HEAD_START_S, 2 * self.enqueue_s, 1.2 * lag)))
        for start, end in pairs:
            start.record()
            for _ in range(self.calls):
                call()
            end.record()
        self._cuda.synchronize(self._device)
        return [
            Block(start.elapsed_time(end) * 1e-3 / self.calls, self.calls) for start, end in pairs
        ]

    def _event(self) -> Any:
        return self._cuda.Event(enable_timing=True)

    def _sleep(self, seconds: float) -> None:
        self._cuda._sleep(int(seconds * CYCLES_PER_S))

    @property
    def block_s(self) -> float:
        """About how long one sample takes."""
        return self.calls * max(self.device_s, self.enqueue_s)

    @property
    def flags(self) -> tuple[Flag, ...]:
        """Host bound where queueing a call takes nearly as long as running it."""
        is_bound = self.enqueue_s > HOST_BOUND * self.device_s
        return (Flag.HOST_BOUND,) if is_bound else ()

    @property
    def details(self) -> dict[str, JsonValue]:
        """Timing mode and the two costs of a call."""
        return {
            "timing": "events" if self.calls == 1 else "blocked events",
            "calls_per_sample": self.calls,
            "enqueue_s": self.enqueue_s,
            "cache": "warm",
        }
