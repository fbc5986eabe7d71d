"""How fast the core is: what a reading is, what is slow, and what a slow core spoils."""

import itertools
import os
import random
from collections.abc import Callable
from itertools import accumulate, chain, repeat
from typing import Any

import pytest

from sabench.catalog.presets import PRESETS, SLOW_CORE
from sabench.measure import core_speed, judging
from sabench.measure.core_company import AT_ONCE
from sabench.measure.core_speed import (
    LEFT,
    LONG,
    RIGHT,
    CoreSpeed,
    divide,
    multiply,
    slow_share,
    speed_of_this_process,
)
from sabench.measure.cpu_timer import CpuTimer
from sabench.measure.judging import Sampling
from sabench.measure.load import Disturbance, ProcessLoad
from sabench.measure.protocol import Protocol
from sabench.measure.timer import Block
from sabench.records import Flag, Status

QUICK = PRESETS["quick"]


def clock_of(product_ns: int, division_ns: int, *more: int) -> Callable[[], int]:
    """A clock by which a product and a division take these spans, and the next ones `more`."""
    spans = (product_ns, division_ns, *more)
    state = {"now": 0, "read": 0}

    def clock() -> int:
        pair, reading = divmod(state["read"], 8)  # a start, then the ends of the works in turns
        work = 2 * pair + reading % 2
        state["now"] += spans[work % len(spans)] if reading else 0
        state["read"] += 1
        return state["now"]

    return clock


class Scripted(CoreSpeed):
    """Readings from a list; the last one stays. `order` gets a word of each."""

    def __init__(self, *readings: float, order: list[str] | None = None) -> None:
        super().__init__()
        self._readings = chain(readings, repeat(readings[-1]))
        self._order = [] if order is None else order
        self.learn(1.0)

    def read(self) -> float:
        self._order.append("speed")
        reading = next(self._readings)
        self._keep(reading)
        return reading


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that the kernel counts disturbs a block."""
    monkeypatch.setattr("sabench.measure.cpu_timer.judge", lambda *_: Disturbance.NONE)
    monkeypatch.setattr(CpuTimer, "foreign_work", lambda _: "")


def test_a_reading_is_a_product_over_a_division() -> None:
    assert CoreSpeed(clock_of(6000, 3000)).read() == 2.0


def test_each_is_the_shortest_of_its_turns() -> None:
    spans = (0, 4000, 9000, 2000, 3000, 9000, 5000, 4000)
    now = iter(accumulate(spans))
    assert CoreSpeed(lambda: next(now)).read() == 3000 / 2000


@pytest.mark.parametrize("early", range(1, 7))
def test_a_neighbour_that_comes_within_a_reading_makes_no_core_faster(early: int) -> None:
    """Alone a product takes 3000 and a division 3000, beside it 6000 and 4000. Of the products
    before it comes and the divisions after, the ratio would be 0.75."""
    works = (*(3 * ((3000, 4000), (3000, 6000))), (3000, 4000))
    now = iter(accumulate((0, *(work[at >= early] for at, work in enumerate(works)))))
    assert CoreSpeed(lambda: next(now)).read() == (1.0 if early > 1 else 2.0)


def test_a_clock_that_falls_changes_no_reading() -> None:
    speed = CoreSpeed(clock_of(3000, 3000, 6000, 6000))
    assert (speed.read(), speed.read()) == (1.0, 1.0)


def readings_of(*ratios: float) -> CoreSpeed:
    """One whose clock makes these."""
    return CoreSpeed(clock_of(*(n for one in ratios for n in (round(10**6 * one), 10**6))))


def test_the_best_was_seen_three_times_or_told() -> None:
    """One division in which an interrupt fell makes a ratio that no core has."""
    ratios = (1.02, 0.5, 1.01, 1.1, 1.0, 1.05)
    speed, bests = readings_of(*ratios), []
    assert speed.best == 0.0
    for _ in ratios:
        speed.read()
        bests.append(speed.best)
    assert bests == pytest.approx([1.02, 1.02, 1.02, 1.02, 1.01, 1.01], abs=0.005)
    speed.learn(1.2)
    assert speed.best == bests[-1]
    speed.learn(0.98)  # an earlier process on the core
    assert speed.best == 0.98
    speed.learn(0.0)  # nothing is known
    assert speed.best == bests[-1]


def test_the_best_does_not_fall_with_the_number_of_readings() -> None:
    """Of 60,000: one in 200 with a division that was disturbed. The lowest would be 0.6."""
    draw = random.Random(1)
    ratios = [
        draw.uniform(0.6, 0.9) if at % 200 == 7 else draw.gauss(1.06, 0.01) for at in range(600)
    ]
    speed, bests = readings_of(*ratios), []
    for at in range(60_000):
        speed.read()
        if at + 1 in (600, 60_000):
            bests.append(speed.best)
    assert all(1.0 < best < 1.06 for best in bests)
    assert bests[0] == pytest.approx(bests[1], rel=0.02)


def test_a_core_that_is_alone_for_a_fiftieth_of_the_time_is_seen_as_it_is_then() -> None:
    speed = readings_of(*(1.05 if at % 50 == 0 else 2.1 for at in range(500)))
    for _ in range(5000):
        speed.read()
    assert speed.best == pytest.approx(1.05, rel=0.01)
    assert speed.is_slow(2.1)


def test_shared_begins_a_quarter_above_the_best() -> None:
    speed = CoreSpeed()
    speed.learn(1.0)
    assert SLOW_CORE == 1.25
    assert [speed.is_slow(one) for one in (1.0, 1.25, 1.26, 2.0)] == [False, False, True, True]
    assert [speed.is_slow(one, 2.0) for one in (2.0, 2.1)] == [False, True]


def test_a_clock_that_stands_still_tells_nothing() -> None:
    speed = CoreSpeed(clock_of(0, 0))
    assert (speed.read(), speed.best) == (0.0, 0.0)
    assert not speed.is_slow(speed.read())


def test_the_share_is_of_time_and_not_of_readings() -> None:
    """Half of the time at twice the speed: a third of the readings."""
    speed = Scripted(1.0, 1.0, 2.0, 1.0, 1.0, 2.0)
    now = iter((0, 1, 2, 4, 5, 6, 8))
    speed._clock_ns = lambda: next(now)
    assert speed.slow_share(8e-9) == 4 / 8


@pytest.mark.serial
def test_a_real_core_has_a_ratio_and_seeking_ends() -> None:
    speed = CoreSpeed()
    speed.seek(0.05)
    assert 0.1 < speed.best < 10.0  # both were made to take as long, on cores of some years
    assert 0.0 <= speed.slow_share(0.05) <= 1.0


def test_the_works_are_a_product_and_a_division_of_long_integers() -> None:
    assert multiply() == LEFT * RIGHT
    assert LEFT.bit_length() > 1790
    assert divide() * 7 <= LONG < (divide() + 1) * 7


def test_cores_are_looked_at_one_by_one_and_the_worst_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before, held = os.sched_getaffinity(0), []
    shares = iter((0.1, 0.6, 0.2))
    monkeypatch.setattr(os, "sched_setaffinity", lambda _pid, cores: held.append(cores))
    monkeypatch.setattr(CoreSpeed, "slow_share", lambda _self, _seconds: next(shares))
    assert slow_share((0, 1, 5), 1.0) == 0.6
    assert held == [{0}, {1}, {5}, before]


def test_a_refused_or_absent_affinity_leaves_the_core_that_we_are_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_pid: int, _cores: object) -> None:
        raise PermissionError

    monkeypatch.setattr(CoreSpeed, "slow_share", lambda _self, _seconds: 0.3)
    monkeypatch.setattr(os, "sched_setaffinity", refuse)
    assert slow_share((0, 1), 1.0) == 0.3
    monkeypatch.delattr(os, "sched_setaffinity")
    assert slow_share((0, 1), 1.0) == 0.3


class Cores(dict[int, float]):
    """Cores by what a reading on each gives, in place of a company that looks at them."""

    here = ended = 0

    def end(self) -> None:
        """It has no threads to let go, and counts how often it was to."""
        self.ended += 1

    def look_at_each(self, look: Callable[[], float]) -> list[float]:
        found = []
        for core in self:
            self.here = core
            found.append(look())
        return found


@pytest.fixture
def cores(monkeypatch: pytest.MonkeyPatch) -> Cores:
    """Three that nothing shares."""
    made = Cores({0: 1.0, 1: 1.0, 2: 1.0})
    monkeypatch.setattr(core_speed, "Company", lambda _: made)
    monkeypatch.setattr(CoreSpeed, "_shortest", lambda _: (made[made.here], 1.0))
    return made


def test_of_several_cores_the_worst_counts(cores: Cores) -> None:
    speed = CoreSpeed()
    speed.attend((0, 1, 2))
    assert speed.read() == 1.0
    for core in cores:
        cores[core] = 1.8
        assert speed.is_slow(speed.read()), core
        cores[core] = 1.0
    assert not speed.is_slow(speed.read())


@pytest.mark.parametrize("told", [(), (2,)])
def test_one_core_or_none_is_read_where_the_thread_is(cores: Cores, told: tuple[int, ...]) -> None:
    cores.here, cores[2] = 2, 1.5
    speed = CoreSpeed()
    speed.attend(told)
    assert speed.read() == 1.5
    assert cores.here == 2


@pytest.mark.parametrize(
    ("name", "error"),
    [
        *(("Company", error) for error in (OSError, RuntimeError, MemoryError)),
        *(("look_at_each", error) for error in (PermissionError, RuntimeError)),
    ],
)
def test_where_threads_are_refused_our_own_core_is_read(
    cores: Cores, monkeypatch: pytest.MonkeyPatch, name: str, error: type[Exception]
) -> None:
    def refuse(*_: object) -> None:
        raise error

    cores[1] = 1.8
    place = core_speed if name == "Company" else Cores
    monkeypatch.setattr(place, name, refuse)
    speed = CoreSpeed()
    speed.attend((0, 1, 2))
    assert speed.read() == 1.0
    assert cores.ended == (name == "look_at_each")
    assert Flag.ISOLATION_UNVERIFIED in CpuTimer(3, speed=speed).flags
    assert speed.read() == 1.0


@pytest.mark.parametrize("told", [(), (2,), (0, 1)])
def test_where_every_core_is_read_isolation_is_verified(
    cores: Cores, told: tuple[int, ...]
) -> None:
    speed = CoreSpeed()
    speed.reads_all = False  # as by cores that were refused before
    speed.attend(told)
    speed.read()
    timer = CpuTimer(max(1, len(told)), speed=speed)
    assert timer.flags == ()


def test_threads_on_other_cores_are_let_go(cores: Cores) -> None:
    speed = CoreSpeed()
    speed.attend((0, 1))
    speed.attend(())
    assert cores.ended == 1


def test_a_neighbour_of_another_threads_core_spoils_a_block(alone: None, cores: Cores) -> None:
    speed = CoreSpeed()
    speed.attend((0, 1))
    timer = CpuTimer(2, speed=speed)
    assert [one.disturbance for one in timer.chunk(lambda: None, 2)] == [Disturbance.NONE] * 2
    cores[1] = 1.8
    assert [one.disturbance for one in timer.chunk(lambda: None, 2)] == [Disturbance.SLOWED] * 2


def test_blocks_beside_a_slow_reading_are_rejected_and_no_others(alone: None) -> None:
    """Readings: before the first block, and behind each. The third and the fourth are slow."""
    timer = CpuTimer(1, speed=Scripted(1.0, 1.02, 2.0, 2.0, 1.0, 1.0))
    told = [block.disturbance for block in timer.chunk(lambda: None, 5)]
    slow = Disturbance.SLOWED
    assert told == [Disturbance.NONE, slow, slow, slow, Disturbance.NONE]
    assert timer.details["core_best"] == pytest.approx(1.0, rel=0.01)  # what was read, not told


@pytest.mark.parametrize(
    ("threads", "slow", "said"),
    [
        (AT_ONCE, 20, ""),  # each block tells for itself
        (AT_ONCE + 1, 2, ""),  # 2 of 20 do not show more than 5 %
        (AT_ONCE + 1, 4, "something unseen on our cores, in 4 of 20 spans of timing blocks"),
        (AT_ONCE + 1, 20, "something unseen on our cores, in 20 of 20 spans of timing blocks"),
    ],
)
def test_where_some_cores_of_many_are_read_slow_ones_spoil_the_quiet_blocks_too(
    monkeypatch: pytest.MonkeyPatch, threads: int, slow: int, said: str
) -> None:
    monkeypatch.setattr("sabench.measure.cpu_timer.judge", lambda *_: Disturbance.NONE)
    monkeypatch.setattr("sabench.measure.cpu_timer.held_up", lambda *_: "")
    monkeypatch.setattr("sabench.measure.cpu_timer.LOOK_S", 0.0)
    speed = Scripted(*[1.0] * (21 - slow), *[2.0] * slow)
    timer = CpuTimer(threads, usage=lambda _: None, speed=speed)
    timer.calibrate(lambda: None, 1e-3)
    timer.chunk(lambda: None, 20)
    assert timer.foreign_work() == said
    timer.calibrate(lambda: None, 1e-3)
    assert timer.foreign_work() == ""


@pytest.mark.parametrize(("slow", "tells"), [(1, False), (3, True)])
def test_blocks_between_two_readings_are_one_finding(
    monkeypatch: pytest.MonkeyPatch, slow: int, *, tells: bool
) -> None:
    """One reading of twenty takes five blocks of a hundred on either side with it; no more."""
    monkeypatch.setattr("sabench.measure.cpu_timer.held_up", lambda *_: "")
    timer = CpuTimer(
        AT_ONCE + 1,
        usage=lambda _: None,
        speed=Scripted(1.0, *[2.0] * slow, *[1.0] * (20 - slow)),
    )
    timer._block = lambda _: Block(1e-3, 1, Disturbance.NONE)  # type: ignore[method-assign]
    told = timer.chunk(lambda: None, 100)
    assert sum(one.disturbance is Disturbance.SLOWED for one in told) == 5 * (slow + 1)
    assert bool(timer.foreign_work()) is tells


@pytest.mark.parametrize("calls", [1, 100])
def test_of_several_threads_readings_are_rarer_and_a_call_behind_each_does_not_count(
    alone: None, calls: int
) -> None:
    """Blocks of 2 ms: after three of them 5 ms are over; the last of a chunk has one behind it."""
    order: list[str] = []
    slow = Disturbance.SLOWED
    ticks = itertools.count()
    timer = CpuTimer(
        2,
        clock_ns=lambda: 10**6 * next(ticks),
        usage=lambda _: None,
        speed=Scripted(1.0, 1.0, 2.0, 1.0, 1.0, order=order),
    )
    timer.calls, timer.block_s = calls, 2e-3
    one_block = Block(2e-3 / calls, calls, Disturbance.NONE)
    timer._block = lambda call: (call(), one_block)[1]  # type: ignore[method-assign]
    blocks = timer.chunk(lambda: order.append("call"), 10)
    assert [one.disturbance for one in blocks] == [Disturbance.NONE] * 3 + [slow] * 6 + [
        Disturbance.NONE
    ]
    one, last = ["speed", "call", *["call"] * 3], ["speed", "call", "call", "speed", "call"]
    assert order == [*one, *one, *one, *last]


def test_the_presets_constant_is_the_limit(alone: None) -> None:
    timer = CpuTimer(1, speed=Scripted(1.0, 1.5, 2.1), slow_core=2.0)
    told = [block.disturbance for block in timer.chunk(lambda: None, 2)]
    assert told == [Disturbance.NONE, Disturbance.SLOWED]


def test_no_reading_is_inside_of_what_is_timed(
    alone: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    timer = CpuTimer(1, speed=Scripted(1.0, order=order))
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
    timer = CpuTimer(1, speed=Scripted(1.0, 2.0))
    assert [one.disturbance for one in timer.chunk(lambda: None, 2)] == [Disturbance.WAITED] * 2


@pytest.mark.parametrize("settings", [{}, {"speed": Scripted(2.0, 1.0, 2.0), "slow_core": 0.0}])
def test_a_timer_that_is_not_to_look_tells_none(alone: None, settings: dict[str, Any]) -> None:
    timer = CpuTimer(1, **settings)
    assert {block.disturbance for block in timer.chunk(lambda: None, 2)} == {Disturbance.NONE}
    assert timer.details["core_best"] is None


def test_a_core_that_is_always_slow_is_contended_and_says_what_was_seen(alone: None) -> None:
    speed = Scripted(2.0)
    timing = Protocol(QUICK, CpuTimer(1, speed=speed)).measure(lambda: None)
    assert timing.status is Status.CONTENDED
    assert {Flag.CONTENDED, Flag.PREEMPTED} <= {*timing.flags}
    assert timing.details["slowed"] == timing.details["rejected"] == timing.details["blocks"]
    blocks, passed_over = timing.details["blocks"], timing.details["passed_over"]
    assert isinstance(blocks, int)
    assert isinstance(passed_over, int)
    blocks += passed_over
    assert passed_over > 0
    assert timing.message == (
        f"something unseen shared the core in {blocks} of {blocks} timing blocks (another "
        "machine's work on its other hardware thread, most likely); measure it on a quiet machine"
    )


def test_both_kinds_of_disturbance_are_told_apart() -> None:
    sampling = Sampling()
    kinds = (Disturbance.WAITED, Disturbance.SLOWED, Disturbance.SLOWED, Disturbance.NONE)
    sampling.add([Block(1.0, 1, kind) for kind in kinds])
    assert (sampling.rejected, sampling.slowed, sampling.accepted) == (3, 2, [1.0])
    assert judging._blocks_told(sampling).startswith(
        "other work ran in 1 of 4 timing blocks, and something unseen shared the core in 2 of 4 "
    )


def test_one_reading_in_nine_that_is_slow_costs_two_blocks_in_nine_and_no_rank(
    alone: None,
) -> None:
    speed = Scripted(1.0)
    speed._readings = iter(1.0 if at % 9 else 2.0 for at in range(10**6))
    timing = Protocol(QUICK, CpuTimer(1, speed=speed)).measure(lambda: None)
    assert timing.status is Status.OK
    assert Flag.PREEMPTED in timing.flags
    assert timing.details["samples_are"] == "accepted blocks"
    assert timing.details["rejected"] / timing.details["blocks"] == pytest.approx(2 / 9, abs=0.12)


def test_a_process_has_one_for_all_its_jobs() -> None:
    assert speed_of_this_process() is speed_of_this_process()


def shortest(speed: CoreSpeed) -> tuple[float, float]:
    """What the two works return stands for their time."""
    return core_speed.multiply(), core_speed.divide()


def test_looks_at_one_core_remember_what_it_can_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """A neighbour that works through the whole of a second look is known by the first."""
    ratio = [1.0]
    monkeypatch.setattr(CoreSpeed, "_shortest", shortest)
    monkeypatch.setattr(core_speed, "multiply", lambda: ratio[0])
    monkeypatch.setattr(core_speed, "divide", lambda: 1.0)
    core_speed._speed_of.cache_clear()
    try:
        core = min(os.sched_getaffinity(0))
        assert slow_share([core], 0.01) == 0.0
        ratio[0] = 1.8
        assert slow_share([core], 0.01) > 0.9
    finally:
        core_speed._speed_of.cache_clear()


def test_a_neighbour_that_never_rests_is_known_by_what_was_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(CoreSpeed, "_shortest", shortest)
    monkeypatch.setattr(core_speed, "multiply", lambda: 1.8)
    monkeypatch.setattr(core_speed, "divide", lambda: 1.0)
    core_speed._speed_of.cache_clear()
    try:
        core = min(os.sched_getaffinity(0))
        assert slow_share([core], 0.01) == 0.0
        assert slow_share([core], 0.01, told=1.0) > 0.9
    finally:
        core_speed._speed_of.cache_clear()
