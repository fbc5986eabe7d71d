"""Timing on a CUDA device: events around calls, the device kept behind the host."""

import math
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from pydantic import JsonValue

from sabench.measure.timer import Block, Call
from sabench.records import Flag
from sabench.stats import quantile

ESTIMATE_CALLS = 10
BLOCKED_BELOW_S = 50e-6  # an event resolves 0.5 to 1 us: 1 to 2 % of this
BLOCKED_S = 200e-6
HEAD_START_S = 200e-6
LONGEST_LAG_S = 4e-3  # how far the host may fall behind the device between two synchronisations:
# about a thousand launches of 4 us fit into a stream's queue, and a longer head start gains nothing
MARGIN = 1.2  # a head start's length over what the host is expected to need
CHUNK = 64  # most samples between two synchronisations
HOST_BOUND = 0.8  # enqueue time over device time
CYCLES_PER_S = 2e9  # a guess above most SM clocks: the head start only gets longer
EMPTY_PAIRS = 100
EVENTS_HEAD_START_S = 2e-3  # recording two hundred events takes the host up to 10 us each


class CudaTimer:
    """Device time of calls. `cuda` is torch.cuda, or a stand-in that records the order.

    A sample is one event pair around one `_turn`; `_before` is queued ahead of the pair.
    """

    cache = "warm"

    def __init__(
        self, cuda: Any, device: str, clock_ns: Callable[[], int] = time.perf_counter_ns
    ) -> None:
        self._cuda, self._device, self._clock_ns = cuda, device, clock_ns
        self.calls = 1
        self.enqueue_s = self.device_s = 0.0
        self._lag_s = 0.0  # how far the host falls behind the device with each sample
        self._queue_s = 0.0  # what queueing a sample costs the host
        self._sample_s = 0.0  # about how long a sample takes, what stands before it included
        self._empty_pairs_s: list[float] = []

    def once(self, call: Call) -> float:
        """Wall seconds of one call, the device idle before and after."""
        self._cuda.synchronize(self._device)
        start = self._clock_ns()
        call()
        self._cuda.synchronize(self._device)
        return (self._clock_ns() - start) * 1e-9

    def calibrate(self, call: Call, estimate_s: float) -> None:
        """What a call costs the host, then the device; short calls share an event pair."""
        self._time_empty_pairs()
        self.enqueue_s = self._enqueue_s(call)
        self.device_s = self._device_s(call, self.enqueue_s)
        self.calls = self._calls_per_sample()
        self._pace(self.calls * self.enqueue_s, self.calls * self.device_s)

    def _calls_per_sample(self) -> int:
        blocked = self.device_s < BLOCKED_BELOW_S
        return math.ceil(BLOCKED_S / max(self.device_s, 1e-7)) if blocked else 1

    def _pace(self, enqueue_s: float, device_s: float) -> None:
        """Host's and device's seconds of one sample: how far apart they drift."""
        self._queue_s, self._lag_s = enqueue_s, max(0.0, enqueue_s - device_s)
        self._sample_s = max(enqueue_s, device_s)

    def _time_empty_pairs(self) -> None:
        """Once: event pairs with nothing between them, behind a head start."""
        if self._empty_pairs_s:
            return
        pairs = [(self._event(), self._event()) for _ in range(EMPTY_PAIRS)]
        self._sleep(EVENTS_HEAD_START_S)
        for start, end in pairs:
            start.record()
            end.record()
        self._cuda.synchronize(self._device)
        self._empty_pairs_s = [start.elapsed_time(end) * 1e-3 for start, end in pairs]

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

    def _device_s(self, call: Call, enqueue_s: float) -> float:
        """Behind a head start that covers all queueing, so that it is the device's time alone."""
        fits = int(LONGEST_LAG_S / (MARGIN * max(enqueue_s, 1e-9)))
        calls = max(1, min(ESTIMATE_CALLS, fits))
        start, end = self._event(), self._event()
        self._sleep(max(HEAD_START_S, MARGIN * calls * enqueue_s))
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

    def _synchronised(self, call: Call, count: int) -> list[Block]:
        pairs = [(self._event(), self._event()) for _ in range(count)]
        self._sleep(max(HEAD_START_S, 2 * self._queue_s + MARGIN * count * self._lag_s))
        for start, end in pairs:
            self._before()
            start.record()
            self._turn(call)
            end.record()
        self._cuda.synchronize(self._device)
        return [
            Block(start.elapsed_time(end) * 1e-3 / self.calls, self.calls) for start, end in pairs
        ]

    def _before(self) -> None:
        """What is queued ahead of a sample's first event: nothing, the caches stay warm."""

    def _turn(self, call: Call) -> None:
        for _ in range(self.calls):
            call()

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
        return self._sample_s

    @property
    def flags(self) -> tuple[Flag, ...]:
        """Host bound where queueing a call takes nearly as long as running it."""
        is_bound = self.enqueue_s > HOST_BOUND * self.device_s
        return (Flag.HOST_BOUND,) if is_bound else ()

    @property
    def timing(self) -> str:
        """What stands between a pair of events."""
        return "events" if self.calls == 1 else "blocked events"

    @property
    def details(self) -> dict[str, JsonValue]:
        """Timing mode, the two costs of a call, and what an event pair itself costs."""
        pairs = self._empty_pairs_s
        return {
            "timing": self.timing,
            "calls_per_sample": self.calls,
            "enqueue_s": self.enqueue_s,
            "device_s": self.device_s,
            "empty_pair_s": quantile(pairs, 0.5) if pairs else None,
            "resolution_s": smallest_step(pairs),
            "cache": self.cache,
        }


def smallest_step(seconds: list[float]) -> float | None:
    """The least difference between two unequal times; None where all are equal."""
    steps = [after - before for before, after in pairwise(sorted(set(seconds)))]
    return min(steps, default=None)
