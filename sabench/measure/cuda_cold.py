"""Timing with a cold L2 on CUDA: flushed before every sample, or inputs in rotation.

Cold is proved, not asked for: a copy that fits into the L2 must run slower cold than warm.
"""

import ctypes
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from pydantic import JsonValue

from sabench.errors import MeasurementError
from sabench.measure.cuda_timer import CudaTimer
from sabench.measure.timer import Call
from sabench.stats import quantile

LEAST_FLUSH = 32 * 2**20
FLUSHES_ITSELF = 8  # a call that touches this many L2 leaves none of its inputs behind
PROVED = 1.3  # least ratio of cold over warm
PROOF_SAMPLES = 32
PROOF_WARM_UPS = 3


def l2_bytes(cuda: Any, device: str) -> int:
    """The size of the device's L2; 0 where it is not told."""
    return int(getattr(cuda.get_device_properties(device), "L2_cache_size", 0))


def flush_bytes(l2: int) -> int:
    """How much is written to empty an L2 of that size."""
    return max(2 * l2, LEAST_FLUSH)


def make_flush(device: str, l2: int) -> Call:
    """Writes a buffer that no L2 line survives; the buffer is allocated here, once."""
    buffer = torch.empty(flush_bytes(l2), dtype=torch.int8, device=device)
    return buffer.zero_


def reset_persisting(load: Callable[[str], Any] = ctypes.CDLL) -> str:
    """Give back lines that were set aside as persisting; what came of it, in words."""
    major = (torch.version.cuda or "").partition(".")[0]
    try:
        code = load(f"libcudart.so.{major}").cudaCtxResetPersistingL2Cache()
    except (OSError, AttributeError) as error:
        return f"not reset: {error}"
    return "reset" if code == 0 else f"not reset: CUDA error {code}"


class ColdTimer(CudaTimer):
    """Device time of single calls, each behind a flush that stands outside its event pair."""

    cache = "cold"

    def __init__(
        self,
        cuda: Any,
        device: str,
        flush: Call,
        clock_ns: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        super().__init__(cuda, device, clock_ns)
        self._flush = flush

    def calibrate(self, call: Call, estimate_s: float) -> None:
        """As warm, and what a flush and a call cost together."""
        super().calibrate(call, estimate_s)
        flushing_s = self._enqueue_s(self._flush)
        flush_s = self._device_s(self._flush, flushing_s)
        self._pace(self.enqueue_s + flushing_s, self.device_s + flush_s)

    def _calls_per_sample(self) -> int:
        return 1  # a flush cannot stand inside an event pair

    def _before(self) -> None:
        self._flush()


class SingleTimer(CudaTimer):
    """Warm, and an event pair for every call, however short: what a cold time is held against."""

    def _calls_per_sample(self) -> int:
        return 1


@dataclass(frozen=True, slots=True)
class ColdProof:
    """One bandwidth-bound copy, timed cold and warm."""

    cold_s: float
    warm_s: float

    @property
    def ratio(self) -> float:
        """Cold over warm."""
        return self.cold_s / self.warm_s if self.warm_s > 0 else math.inf

    @property
    def holds(self) -> bool:
        """Whether the flush was shown to empty the L2."""
        return self.ratio >= PROVED

    def told(self) -> dict[str, JsonValue]:
        """Both numbers, for the record."""
        return {"cold_s": self.cold_s, "warm_s": self.warm_s, "needs_ratio": PROVED}


def prove_cold(
    cuda: Any,
    device: str,
    flush: Call,
    l2: int,
    clock_ns: Callable[[], int] = time.perf_counter_ns,
) -> ColdProof:
    """Time a copy whose source and target fill half the L2, flushed and not."""
    source = torch.empty(max(1, l2 // 4), dtype=torch.int8, device=device)
    target = torch.empty_like(source)

    def copy() -> object:
        return target.copy_(source)

    def median(timer: CudaTimer) -> float:
        for _ in range(PROOF_WARM_UPS):
            timer.once(copy)
        timer.calibrate(copy, 0.0)
        return quantile([one.seconds for one in timer.chunk(copy, PROOF_SAMPLES)], 0.5)

    cold_s = median(ColdTimer(cuda, device, flush, clock_ns))
    return ColdProof(cold_s, median(SingleTimer(cuda, device, clock_ns)))


def copies_needed(l2: int, touched: int) -> int:
    """How many copies of what a call touches push one another out of the L2."""
    return max(2, math.ceil(2 * l2 / max(1, touched)) + 1)


class Rotation:
    """Calls on copies of the same inputs in turn: cold without a flush, as inside a graph.

    Raises: MeasurementError `cold_not_achieved` if all copies together do not reach twice the L2.
    """

    def __init__(self, calls: Sequence[Call], touched: int, l2: int) -> None:
        if l2 <= 0:
            raise MeasurementError("cold_not_achieved: the size of the L2 is not told")
        if len(calls) * touched < 2 * l2:
            raise MeasurementError(
                f"cold_not_achieved: {len(calls)} copies of {touched} bytes are less than "
                f"twice the L2 of {l2} bytes; use {copies_needed(l2, touched)} copies"
            )
        self._calls, self._next = tuple(calls), 0

    @property
    def copies(self) -> int:
        """How many there are."""
        return len(self._calls)

    def __call__(self) -> object:
        """The next copy's call."""
        call = self._calls[self._next]
        self._next = (self._next + 1) % len(self._calls)
        return call()
