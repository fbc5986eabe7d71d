"""Warming up: call until the times, and on a device its clock, have settled, or time is up."""

from collections.abc import Callable
from dataclasses import dataclass, field

from pydantic import JsonValue

from sabench.catalog.presets import Preset
from sabench.measure import stopping
from sabench.measure.device_watch import DeviceWatch
from sabench.measure.timer import Block, Call, Timer
from sabench.stats import quantile

WINDOW_BLOCKS = 20
WINDOW_S = 0.25
SHORT_BLOCK_S = 0.02  # shorter blocks are taken ten at a time between two looks


@dataclass(slots=True)
class WarmUp:
    """What warming up took and where it ended."""

    calls: int = 0
    seconds: float = 0.0
    windows: list[list[float]] = field(default_factory=list)
    clocks_mhz: list[float | None] = field(default_factory=list)  # a window each

    @property
    def has_settled(self) -> bool:
        """Whether the last three windows agree, in their times and in the device's clock."""
        return stopping.medians_agree(self.windows) and stopping.clocks_agree(self.clocks_mhz)

    @property
    def still_drifts(self) -> bool:
        """Whether the last three windows differ by more than their noise."""
        if not self.windows or not stopping.clocks_agree(self.clocks_mhz):
            return True
        return stopping.still_drifts(self.windows)

    def told(self) -> dict[str, JsonValue]:
        """For the record."""
        told: dict[str, JsonValue] = {"warmup_calls": self.calls, "warmup_s": self.seconds}
        if len(self.windows) >= 3:
            medians = [quantile(window, 0.5) for window in self.windows[-3:]]
            told["warmup_drift"] = max(medians) / min(medians) - 1.0 if min(medians) > 0 else None
        return told


def warm_up(
    call: Call,
    timer: Timer,
    preset: Preset,
    watch: DeviceWatch,
    clock: Callable[[], float],
    limit_s: float,
) -> WarmUp:
    """Call and calibrate until three windows agree; `limit_s` is what the job has left for it."""
    start, limit = clock(), min(preset.warmup_max_s, limit_s)
    done = WarmUp(calls=1)
    estimate = timer.once(call)
    while done.calls < min(3, preset.warmup_min_calls) and clock() - start < limit:
        estimate = min(estimate, timer.once(call))
        done.calls += 1
    timer.calibrate(call, estimate)
    while clock() - start < limit:
        began = clock()
        blocks = _window(call, timer, clock)
        done.windows.append(_undisturbed(blocks))
        done.clocks_mhz.append(watch.between(began, clock()).sm_clock_mhz)
        done.calls += sum(block.calls for block in blocks)
        enough = done.calls >= preset.warmup_min_calls
        if enough and clock() - start >= preset.warmup_min_s and done.has_settled:
            break
    if done.windows:
        timer.calibrate(call, quantile(done.windows[-1], 0.5))
    done.seconds = clock() - start
    return done


def chunk_size(timer: Timer, n: int) -> int:
    """Blocks up to the next look, after `n` of them; long blocks are looked at one by one."""
    return stopping.EVERY - n % stopping.EVERY if timer.block_s < SHORT_BLOCK_S else 1


def _window(call: Call, timer: Timer, clock: Callable[[], float]) -> list[Block]:
    start, blocks = clock(), timer.chunk(call, 1)
    while len(blocks) < WINDOW_BLOCKS and clock() - start < WINDOW_S:
        blocks += timer.chunk(call, chunk_size(timer, len(blocks)))
    return blocks


def _undisturbed(blocks: list[Block]) -> list[float]:
    clean = [block.seconds for block in blocks if not block.disturbance]
    return clean or [block.seconds for block in blocks]
