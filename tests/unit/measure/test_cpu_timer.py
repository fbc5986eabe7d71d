"""Blocks on the CPU: long enough, and no more than the clock's cost in them that can be borne."""

import itertools
import time

import pytest

from sabench.measure import cpu_timer
from sabench.measure.cpu_timer import BLOCK_S, CpuTimer
from sabench.measure.load import ProcessLoad, Usage

pytestmark = pytest.mark.serial


class SlowClock:
    """A clock, one reading of which takes as long as it says."""

    def __init__(self, reading_ns: int) -> None:
        self.now, self.reading_ns = 0, reading_ns

    def __call__(self) -> int:
        self.now += self.reading_ns
        return self.now


def test_a_block_fills_a_millisecond_whatever_the_call() -> None:
    timer = CpuTimer(1, SlowClock(50))
    for call_s, calls in ((1e-6, 1100), (4e-4, 3), (1e-3, 2), (2e-3, 1), (5.0, 1)):
        timer.calibrate(lambda: None, call_s)
        assert timer.calls == pytest.approx(calls, abs=1 if calls > 1000 else 0)
        assert timer.block_s >= BLOCK_S


def test_reading_the_clock_costs_no_more_than_a_ten_thousandth_of_a_block() -> None:
    timer = CpuTimer(1)
    timer.calibrate(lambda: None, 1e-6)
    assert 0.0 <= timer.overhead_s <= 1e-4 * timer.block_s
    assert timer.details["overhead_s"] == timer.overhead_s


@pytest.mark.parametrize(("reading_ns", "block_s"), [(50, 1e-3), (100, 1e-3), (2000, 2e-2)])
def test_a_slow_clock_makes_the_blocks_longer(reading_ns: int, block_s: float) -> None:
    timer = CpuTimer(1, SlowClock(reading_ns))
    assert timer.overhead_s == pytest.approx(reading_ns * 1e-9)
    timer.calibrate(lambda: None, 1e-6)
    assert timer.block_s == pytest.approx(1.1 * block_s, rel=1e-3)


def test_a_block_holds_all_its_calls_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[int] = []
    monkeypatch.setattr(cpu_timer, "core_usage", lambda _: None)
    timer = CpuTimer(1)
    timer.calibrate(lambda: None, 4e-4)
    first, second = timer.chunk(lambda: called.append(1), 2)
    assert len(called) == 2 * timer.calls == first.calls + second.calls


@pytest.mark.parametrize(("delay_ns", "said"), [(0, ""), (10**6, "for 0.50 of the time")])
def test_waiting_in_the_blocks_is_foreign_work(
    monkeypatch: pytest.MonkeyPatch, delay_ns: int, said: str
) -> None:
    """Forty blocks of 2 ms, in half of each of which there was no core; ticks tell nothing."""
    counts = itertools.count()

    def usage(_: ProcessLoad) -> Usage:
        at = (next(counts) + 1) // 2  # nothing passes between two blocks
        return Usage(at * 2 * 10**6, at * (2 * 10**6 - delay_ns), at * delay_ns, 0, 0)

    monkeypatch.setattr(cpu_timer, "core_usage", lambda _: None)
    monkeypatch.setattr(ProcessLoad, "before", usage)
    monkeypatch.setattr(ProcessLoad, "after", usage)
    timer = CpuTimer(1)
    timer.calibrate(lambda: None, 2e-3)
    timer.chunk(lambda: None, 40)
    assert timer.foreign_work().endswith(said)
    assert bool(timer.foreign_work()) is bool(said)


def test_own_cpu_equals_wall_for_one_busy_thread() -> None:
    """Held against the process clock, which counts other than the wall clock does."""
    timer = CpuTimer(1)

    def spin() -> None:
        end = time.process_time_ns() + 2_000_000
        while time.process_time_ns() < end:
            pass

    timer.calibrate(spin, 2e-3)
    best = min(timer.chunk(spin, 40), key=lambda block: block.seconds)
    assert best.seconds == pytest.approx(2e-3, rel=0.05)
