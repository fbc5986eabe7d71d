"""The measuring of one call: warm up, sample in blocks, stop by rule, say what disturbed it."""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from pydantic import JsonValue

from sabench.catalog.presets import Preset
from sabench.measure import stopping
from sabench.measure.stopping import EVERY, Progress, Stop
from sabench.measure.timer import Block, Call, Timer
from sabench.records import Flag, Status
from sabench.stats import quantile

WINDOW_BLOCKS = 20
WINDOW_S = 0.25
SHORT_BLOCK_S = 0.02  # shorter blocks are taken ten at a time between two looks
LEAST_S = 0.1  # sampling goes on this long: ten blocks of 1 ms see too little of a machine
PREEMPTED_SHARE = 0.05
OUTLIER_SHARE = 0.05
DEADLINE_SHARE = 0.8  # of the case's deadline; the rest is for the other metrics

ShowFigure = Callable[[float, int], None]
"""Told the median so far and the number of samples; never inside a block."""


def show_nothing(_latency_s: float, _n: int) -> None:
    """For callers without a listener."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Samples of one call's seconds and how they came about."""

    samples: tuple[float, ...]
    flags: tuple[Flag, ...]
    status: Status  # ok, or contended
    details: dict[str, JsonValue]


@dataclass(slots=True)
class WarmUp:
    """What warming up took and where it ended."""

    calls: int = 0
    seconds: float = 0.0
    windows: list[list[float]] = field(default_factory=list)


@dataclass(slots=True)
class Protocol:
    """Drives a timer by a preset's constants. `status` is the worst of what it measured."""

    preset: Preset
    timer: Timer
    show_figure: ShowFigure = show_nothing
    look: Callable[[], object] = lambda: None  # at the device, while it is still hot from sampling
    started_s: float = field(default_factory=time.perf_counter)  # of the job: its deadline runs
    clock: Callable[[], float] = time.perf_counter
    status: Status = Status.OK

    def measure(self, call: Call, timer: Timer | None = None) -> Timing:
        """Seconds of one call, as the job's timer takes them or another for this call."""
        if timer is not None:
            apart = replace(self, timer=timer)
            timing = apart.measure(call)
            self.status = apart.status
            return timing
        with _no_collection():
            warm_up = self._warm_up(call)
            timing = self._sample(call, warm_up)
            self.look()
        if timing.status is not Status.OK:
            self.status = timing.status
        return timing

    def remaining_s(self) -> float:
        """What is left of the case's deadline for timing; negative when it is over."""
        return DEADLINE_SHARE * self.preset.deadline_s - (self.clock() - self.started_s)

    def _warm_up(self, call: Call) -> WarmUp:
        preset, start = self.preset, self.clock()
        limit = min(preset.warmup_max_s, self.remaining_s())
        done = WarmUp(calls=1)
        estimate = self.timer.once(call)
        while done.calls < min(3, preset.warmup_min_calls) and self.clock() - start < limit:
            estimate = min(estimate, self.timer.once(call))
            done.calls += 1
        self.timer.calibrate(call, estimate)
        while self.clock() - start < limit:
            blocks = self._window(call)
            done.windows.append(_undisturbed(blocks))
            done.calls += sum(block.calls for block in blocks)
            enough = done.calls >= preset.warmup_min_calls
            if (
                enough
                and self.clock() - start >= preset.warmup_min_s
                and stopping.medians_agree(done.windows)
            ):
                break
        if done.windows:
            self.timer.calibrate(call, quantile(done.windows[-1], 0.5))
        done.seconds = self.clock() - start
        return done

    def _window(self, call: Call) -> list[Block]:
        start, blocks = self.clock(), self.timer.chunk(call, 1)
        while len(blocks) < WINDOW_BLOCKS and self.clock() - start < WINDOW_S:
            blocks += self.timer.chunk(call, self._chunk_size(len(blocks)))
        return blocks

    def _chunk_size(self, n: int) -> int:
        return EVERY - n % EVERY if self.timer.block_s < SHORT_BLOCK_S else 1

    def _sample(self, call: Call, warm_up: WarmUp) -> Timing:
        accepted: list[float] = []
        everything: list[float] = []
        start, deadline = self.clock(), self.remaining_s()
        stop: Stop | None = None
        while stop is None:
            blocks = self.timer.chunk(call, self._chunk_size(len(accepted)))
            everything += [block.seconds for block in blocks]
            accepted += [block.seconds for block in blocks if not block.disturbance]
            elapsed = self.clock() - start
            rejected = len(everything) - len(accepted)
            stop = stopping.should_stop(
                Progress(accepted, rejected, elapsed, deadline), self.preset
            )
            if stop is Stop.PRECISE and elapsed < min(LEAST_S, self.preset.budget_s):
                stop = None if len(accepted) < self.preset.samples_max else stop
            self.show_figure(quantile(accepted or everything, 0.5), len(accepted))
        return self._judge(accepted, everything, stop, self.clock() - start, warm_up)

    def _judge(
        self,
        accepted: list[float],
        everything: list[float],
        stop: Stop,
        elapsed_s: float,
        warm_up: WarmUp,
    ) -> Timing:
        rejected = len(everything) - len(accepted)
        beside = self.timer.foreign_work()
        contended = 2 * rejected > len(everything) or bool(beside)
        enough = len(accepted) >= self.preset.samples_min
        samples = accepted if enough or (accepted and not contended) else everything
        width = stopping.half_width(samples, 0.95)
        flags = list(self.timer.flags)
        if not warm_up.windows or stopping.still_drifts(warm_up.windows):
            flags.append(Flag.WARMUP_UNSETTLED)
        if width > self.preset.half_width:
            flags.append(Flag.PRECISION_NOT_MET)
        if stopping.clearly_exceeds(rejected, len(everything), PREEMPTED_SHARE):
            flags.append(Flag.PREEMPTED)
        outliers = stopping.severe_outliers(samples)
        if stopping.clearly_exceeds(outliers, len(samples), OUTLIER_SHARE):
            flags.append(Flag.OUTLIERS)
        details: dict[str, JsonValue] = {
            **self.timer.details,
            "stop": stop.value,
            "blocks": len(everything),
            "rejected": rejected,
            "foreign_work": beside,
            "samples_are": "all blocks" if samples is everything else "accepted blocks",
            "half_width": width if width < float("inf") else None,
            "severe_outliers": outliers,
            "measured_s": elapsed_s,
            "warmup_calls": warm_up.calls,
            "warmup_s": warm_up.seconds,
        }
        status = Status.CONTENDED if contended else Status.OK
        return Timing(tuple(samples), tuple(flags), status, details)


def _undisturbed(blocks: list[Block]) -> list[float]:
    clean = [block.seconds for block in blocks if not block.disturbance]
    return clean or [block.seconds for block in blocks]


@contextmanager
def _no_collection() -> Iterator[None]:
    """No garbage collection while timing; what exists is out of its sight until then."""
    gc.collect()
    gc.freeze()
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
        gc.unfreeze()
