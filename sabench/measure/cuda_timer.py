"""Timing on a CUDA device: events around calls, the device kept behind the host."""

import math
import time
from collections.abc import Callable
from typing import Any

from pydantic import JsonValue

from sabench.measure.timer import Block, Call
from sabench.records import Flag
from sabench.stats import quantile

ESTIMATE_CALLS = 10
BLOCKED_BELOW_S = 50e-6  # an event resolves 0.5 to 1 us: 1 to 2 % of this
BLOCKED_S = 200e-6
HEAD_START_S = 200e-6
LONGEST_LAG_S = 0.05  # how far the host may fall behind the device between two synchronisations
MARGIN = 1.2  # a head start's length over what the host is expected to need
CHUNK = 64  # most samples between two synchronisations
HOST_BOUND = 0.8  # enqueue time over device time
CYCLES_PER_S = 2e9  # a guess above most SM clocks: the head start only gets longer


class CudaTimer:
    """Device time of calls. `cuda` is torch.cuda, or a stand-in that records the order."""

    def __init__(
        self, cuda: Any, device: str, clock_ns: Callable[[], int] = time.perf_counter_ns
    ) -> None:
        self._cuda, self._device, self._clock_ns = cuda, device, clock_ns
        self.calls = 1
        self.enqueue_s = self.device_s = 0.0

    def once(self, call: Call) -> float:
        """Wall seconds of one call, the device idle before and after."""
        self._cuda.synchronize(self._device)
        start = self._clock_ns()
        call()
        self._cuda.synchronize(self._device)
        return (self._clock_ns() - start) * 1e-9

    def calibrate(self, call: Call, estimate_s: float) -> None:
        """What a call costs the host, then the device; short calls share an event pair."""
        self.enqueue_s = self._enqueue_s(call)
        self.device_s = self._device_s(call)
        blocked = self.device_s < BLOCKED_BELOW_S
        self.calls = math.ceil(BLOCKED_S / max(self.device_s, 1e-7)) if blocked else 1

    def _enqueue_s(self, call: Call) -> float:
        """A low quartile: once the launch queue is full, queueing a call waits for the device."""
        self._cuda.synchronize(self._device)
        costs: list[float] = []
        for _ in range(ESTIMATE_CALLS):
            began = self._clock_ns()
            call()
            costs.append((self._clock_ns() - began) * 1e-9)
        self._cuda.synchronize(self._device)
        return quantile(costs, 0.25)

    def _device_s(self, call: Call) -> float:
        """Behind a head start that covers all queueing, so that it is the device's time alone."""
        fits = int(LONGEST_LAG_S / (MARGIN * max(self.enqueue_s, 1e-9)))
        calls = max(1, min(ESTIMATE_CALLS, fits))
        start, end = self._event(), self._event()
        self._sleep(max(HEAD_START_S, MARGIN * calls * self.enqueue_s))
        start.record()
        for _ in range(calls):
            call()
        end.record()
        self._cuda.synchronize(self._device)
        return float(start.elapsed_time(end)) * 1e-3 / calls

    def chunk(self, call: Call, count: int) -> list[Block]:
        """Samples with few synchronisations: as many at once as the host can stay ahead for."""
        lag = MARGIN * self._lag_s
        longest = max(1, min(CHUNK, int(LONGEST_LAG_S / lag) if lag > 0 else CHUNK))
        blocks: list[Block] = []
        while len(blocks) < count:
            blocks += self._synchronised(call, min(longest, count - len(blocks)))
        return blocks

    @property
    def _lag_s(self) -> float:
        """How far the host falls behind the device with each sample."""
        return self.calls * max(0.0, self.enqueue_s - self.device_s)

    def _synchronised(self, call: Call, count: int) -> list[Block]:
        pairs = [(self._event(), self._event()) for _ in range(count)]
        self._sleep(max(HEAD_START_S, 2 * self.enqueue_s + MARGIN * count * self._lag_s))
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

    def foreign_work(self) -> str:
        """Nothing: others on the device are looked for by its facts."""
        return ""

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
            "device_s": self.device_s,
            "cache": "warm",
        }
