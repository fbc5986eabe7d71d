"""How fast the core is: what a reading is, what is slow, and what a slow core spoils."""

import os
from collections.abc import Callable
from itertools import chain, repeat
from typing import Any

import pytest

from sabench.catalog.presets import PRESETS, SLOW_CORE
from sabench.measure import judging
from sabench.measure.core_speed import CoreSpeed, slow_share, speed_of_this_process
from sabench.measure.cpu_timer import CpuTimer
from sabench.measure.judging import Sampling
from sabench.measure.load import Disturbance, ProcessLoad
from sabench.measure.protocol import Protocol
from sabench.measure.timer import Block
from sabench.records import Flag, Status

QUICK = PRESETS["quick"]


def clock_of(*spans_ns: int) -> Callable[[], int]:
    """A clock that four readings in a row tell these three spans of, over and over."""
    state = {"now": 0, "read": 0}

    def clock() -> int:
        place = state["read"] % (len(spans_ns) + 1)
        state["now"] += spans_ns[place - 1] if place else 0
        state["read"] += 1
        return state["now"]

    return clock


class Scripted(CoreSpeed):
    """Readings from a list; the last one stays. `order` gets a word of each."""

    def __init__(self, *readings: int, order: list[str] | None = None) -> None:
        super().__init__()
        self._readings = chain(readings, repeat(readings[-1]))
        self._order = [] if order is None else order

    def read(self) -> int:
        self._order.append("speed")
        reading = next(self._readings)
        self.learn(reading)
        return reading


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that the kernel counts disturbs a block."""
    monkeypatch.setattr("sabench.measure.cpu_timer.judge", lambda *_: Disturbance.NONE)
    monkeypatch.setattr(CpuTimer, "foreign_work", lambda _: "")


def test_a_reading_is_the_shortest_of_three_and_the_best_is_kept() -> None:
    assert CoreSpeed(clock_of(9000, 3000, 5000)).read() == 3000
    speed = CoreSpeed(clock_of(4000, 4000, 4000))
    assert (speed.best_ns, speed.read(), speed.best_ns) == (0, 4000, 4000)
    speed.learn(0)  # nothing is known
    speed.learn(5000)
    assert speed.best_ns == 4000
    speed.learn(3100)  # an earlier process saw the core faster
    assert speed.best_ns == 3100


def test_slow_begins_a_quarter_above_the_best() -> None:
    speed = CoreSpeed()
    speed.learn(4000)
    assert SLOW_CORE == 1.25
    assert [speed.is_slow(reading) for reading in (4000, 5000, 5001, 8000)] == [
        *(False, False, True, True),
    ]


def test_a_clock_that_stands_still_divides_by_nothing() -> None:
    assert CoreSpeed(clock_of(0, 0, 0)).read() == 1


def test_the_share_counts_readings_by_the_best_of_all_of_them() -> None:
    """The first two are slow by the third, which is the best there was."""
    speed = Scripted(9000, 9000, 4000)
    clock = chain(range(3), repeat(10**10))
    speed._clock_ns = lambda: next(clock)
    assert speed.slow_share(5e-9) == pytest.approx(2 / 3)


@pytest.mark.serial
def test_a_real_core_is_at_its_best_for_some_of_the_time_and_seeking_ends() -> None:
    speed = CoreSpeed()
    speed.seek(0.05)
    assert 200 < speed.best_ns < 100_000  # 60 digits by 60: 3,600 multiplications
    assert 0.0 <= speed.slow_share(0.05) < 1.0


def test_cores_are_looked_at_one_by_one_and_the_worst_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before, held = os.sched_getaffinity(0), []
    shares = iter((0.1, 0.6, 0.2))
    monkeypatch.setattr(os, "sched_setaffinity", lambda _pid, cores: held.append(cores))
    monkeypatch.setattr(CoreSpeed, "slow_share", lambda _self, _seconds: next(shares))
    assert slow_share((0, 1, 5), 1.0) == 0.6
    assert held == [{0}, {1}, {5}, before]


def test_blocks_beside_a_slow_reading_are_rejected_and_no_others(alone: None) -> None:
    """Readings: before the first block, and behind each. The third and the fourth are slow."""
    timer = CpuTimer(1, speed=Scripted(4000, 4100, 8000, 8000, 4000, 4000))
    told = [block.disturbance for block in timer.chunk(lambda: None, 5)]
    slow = Disturbance.SLOWED
    assert told == [Disturbance.NONE, slow, slow, slow, Disturbance.NONE]
    assert timer.details["core_best_ns"] == 4000


def test_the_presets_constant_is_the_limit(alone: None) -> None:
    timer = CpuTimer(1, speed=Scripted(4000, 6000, 8400), slow_core=2.0)
    told = [block.disturbance for block in timer.chunk(lambda: None, 2)]
    assert told == [Disturbance.NONE, Disturbance.SLOWED]


def test_no_reading_is_inside_of_what_is_timed(
    alone: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    timer = CpuTimer(1, speed=Scripted(4000, order=order))
    timer.calibrate(lambda: None, 1.0)
    for name in ("before", "after"):
        read = getattr(ProcessLoad, name)
        monkeypatch.setattr(
            ProcessLoad, name, lambda self, name=name, read=read: order.append(name) or read(self)
        )
    timer.chunk(lambda: order.append("call"), 2)
    block = ["before", "call", "after", "speed"]
    assert order == ["speed", *block, *block]


def test_what_the_kernel_told_stands_before_the_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sabench.measure.cpu_timer.judge", lambda *_: Disturbance.WAITED)
    timer = CpuTimer(1, speed=Scripted(4000, 9000))
    assert [one.disturbance for one in timer.chunk(lambda: None, 2)] == [Disturbance.WAITED] * 2


@pytest.mark.parametrize("settings", [{}, {"speed": Scripted(9000, 4000, 9000), "slow_core": 0.0}])
def test_a_timer_that_is_not_to_look_tells_none(alone: None, settings: dict[str, Any]) -> None:
    timer = CpuTimer(1, **settings)
    assert {block.disturbance for block in timer.chunk(lambda: None, 2)} == {Disturbance.NONE}
    assert timer.details["core_best_ns"] is None


def test_a_core_that_is_always_slow_is_contended_and_says_what_was_seen(alone: None) -> None:
    speed = Scripted(9000)
    speed.learn(4000)  # by an earlier process
    timing = Protocol(QUICK, CpuTimer(1, speed=speed)).measure(lambda: None)
    assert timing.status is Status.CONTENDED
    assert {Flag.CONTENDED, Flag.PREEMPTED} <= {*timing.flags}
    assert timing.details["slowed"] == timing.details["rejected"] == timing.details["blocks"]
    blocks = timing.details["blocks"]
    assert timing.message == (
        f"the core was slower than it can be in {blocks} of {blocks} timing blocks (something "
        "unseen shares it, or its clock fell); measure it on a quiet machine"
    )


def test_both_kinds_of_disturbance_are_told_apart() -> None:
    sampling = Sampling()
    kinds = (Disturbance.WAITED, Disturbance.SLOWED, Disturbance.SLOWED, Disturbance.NONE)
    sampling.add([Block(1.0, 1, kind) for kind in kinds])
    assert (sampling.rejected, sampling.slowed, sampling.accepted) == (3, 2, [1.0])
    assert judging._blocks_told(sampling).startswith(
        "other work ran in 1 of 4 timing blocks, and the core was slower than it can be in 2 of 4 "
    )


def test_one_reading_in_nine_that_is_slow_costs_two_blocks_in_nine_and_no_rank(
    alone: None,
) -> None:
    speed = Scripted(4000)
    speed._readings = iter(4000 if at % 9 else 9000 for at in range(10**6))
    speed.learn(4000)
    timing = Protocol(QUICK, CpuTimer(1, speed=speed)).measure(lambda: None)
    assert timing.status is Status.OK
    assert Flag.PREEMPTED in timing.flags
    assert timing.details["samples_are"] == "accepted blocks"
    assert timing.details["rejected"] / timing.details["blocks"] == pytest.approx(2 / 9, abs=0.12)


def test_a_process_has_one_for_all_its_jobs() -> None:
    assert speed_of_this_process() is speed_of_this_process()
