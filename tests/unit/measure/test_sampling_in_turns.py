"""Sampling in turns: the slices, what is thrown away before each, and the sleep between two."""

import os
import subprocess
import sys

import pytest

from sabench.measure import turns as turning
from sabench.measure.core_load import CoreUsage
from sabench.measure.cpu_timer import CpuTimer
from sabench.measure.judging import Timing
from sabench.measure.load import Disturbance, ForeignLoad, MachineUsage
from sabench.measure.protocol import FEWEST_TURNS, TURN_S, WARM_BLOCKS
from sabench.measure.turns import Awake, ByTurns
from sabench.records import Flag, Status
from scripted import QUICK, Clock, Script, ScriptedTimer, clean, protocol_of

COUNT = 36


class Shared:
    """Turns of a machine that others use in between, for so long."""

    count = COUNT

    def __init__(self, clock: Clock, others_s: float = 5.0) -> None:
        self.clock, self.others_s, self.taken = clock, others_s, 0

    def take(self) -> None:
        self.taken += 1
        self.clock.now += self.others_s


def measure(script: Script) -> tuple[Timing, ScriptedTimer, Shared]:
    protocol = protocol_of(script, QUICK.model_copy(update={"deadline_s": 1e3}))
    timer = protocol.timer
    assert isinstance(timer, ScriptedTimer)
    protocol.turns = turns = Shared(timer.clock)
    return protocol.measure(lambda: None), timer, turns


def test_every_turn_is_a_slice_and_all_are_taken() -> None:
    timing, _, turns = measure(clean())
    assert timing.details["turns"] == [2e-3] * COUNT
    assert (turns.taken, timing.details["stop"]) == (COUNT, "turns")
    assert len(timing.samples) == timing.details["blocks"]
    assert len(timing.samples) == COUNT * 8  # of 2 ms: what fills 15 ms
    assert (timing.status, timing.flags) == (Status.OK, ())


def test_what_others_take_in_between_is_not_measuring_time() -> None:
    timing, _, turns = measure(clean())
    assert timing.details["measured_s"] == pytest.approx(COUNT * 8 * 2e-3)
    assert turns.others_s * COUNT > 100 * COUNT * TURN_S


def test_the_first_blocks_of_a_turn_fill_the_caches_and_do_not_count() -> None:
    """Each turn begins cold: five times the time, for as many blocks as are thrown away."""

    def script() -> Script:
        while True:
            is_cold = any(turn and since < WARM_BLOCKS for turn, since in [(turns.taken, since())])
            yield (1e-2 if is_cold else 2e-3), Disturbance.NONE

    seen = [0, 0]

    def since() -> int:
        """Blocks since the turn began."""
        if seen[0] != turns.taken:
            seen[:] = [turns.taken, 0]
        seen[1] += 1
        return seen[1] - 1

    protocol = protocol_of(script(), QUICK.model_copy(update={"deadline_s": 1e3}))
    assert isinstance(protocol.timer, ScriptedTimer)
    protocol.turns = turns = Shared(protocol.timer.clock)
    assert set(protocol.measure(lambda: None).samples) == {2e-3}


def test_warm_up_ends_at_its_least_time_for_what_still_settles_meets_all() -> None:
    def slowing() -> Script:
        seconds = 2e-3
        while True:
            yield (seconds := seconds * 1.01), Disturbance.NONE

    timing, _, _ = measure(slowing())
    spent = timing.details["warmup_s"]
    assert isinstance(spent, float)
    assert spent < QUICK.warmup_min_s + 0.2 < QUICK.warmup_max_s


def test_a_turn_that_was_disturbed_throughout_has_no_figure() -> None:
    def script() -> Script:
        while True:
            disturbed = timer.clock.now > 105.0 + 5.0 and timer.clock.now < 115.0
            yield 2e-3, Disturbance.WAITED if disturbed else Disturbance.NONE

    protocol = protocol_of(script(), QUICK.model_copy(update={"deadline_s": 1e3}))
    timer = protocol.timer
    assert isinstance(timer, ScriptedTimer)
    protocol.turns = Shared(timer.clock)
    timing = protocol.measure(lambda: None)
    told = timing.details["turns"]
    assert isinstance(told, list)
    assert (told.count(None), told.count(2e-3)) == (1, COUNT - 1)
    assert timing.details["rejected"] == 8


def test_a_turn_is_asked_for_and_comes_as_a_byte() -> None:
    reads, writes = os.pipe()
    asked: list[str] = []
    turns = ByTurns(2, lambda: asked.append("turn"), reads)
    os.write(writes, b"\n\n")
    turns.take()
    turns.take()
    assert asked == ["turn", "turn"]
    os.close(reads)
    os.close(writes)


def test_without_its_parent_a_process_ends_instead_of_waiting() -> None:
    code = "from sabench.measure.turns import ByTurns; ByTurns(1, lambda: None, 0).take()"
    done = subprocess.run([sys.executable, "-c", code], stdin=subprocess.DEVNULL, timeout=60)
    assert done.returncode == 1


def test_of_a_call_that_takes_long_there_are_fewer_turns_and_one_block_each() -> None:
    """Of 0.3 s: four spend the budget of a second, and the fewest are taken all the same."""
    timing, timer, turns = measure(clean(0.3))
    assert (turns.taken, timing.details["stop"]) == (FEWEST_TURNS, "budget")
    assert timing.details["turns"] == [0.3] * FEWEST_TURNS
    assert timer.clock.now - 100.0 - FEWEST_TURNS * turns.others_s < 2 * FEWEST_TURNS * 0.3 + 3


def test_a_call_too_long_for_its_deadline_ends_before_it() -> None:
    protocol = protocol_of(clean(4.0), QUICK.model_copy(update={"deadline_s": 60.0}))
    assert isinstance(protocol.timer, ScriptedTimer)
    protocol.turns = turns = Shared(protocol.timer.clock, others_s=100.0)
    timing = protocol.measure(lambda: None)
    awake_s = protocol.timer.clock.now - 100.0 - turns.taken * turns.others_s
    assert (timing.details["stop"], timing.status) == ("deadline", Status.OK)
    assert 1 <= turns.taken < FEWEST_TURNS
    assert awake_s < 60.0


def test_that_a_warm_up_was_short_is_no_flag_where_turns_are_taken() -> None:
    timing, _, _ = measure(clean(0.1))
    assert Flag.WARMUP_UNSETTLED not in timing.flags


class Others:
    """Turns in which others keep every counter moving while we sleep."""

    count = 2

    def __init__(self) -> None:
        self.busy = 0

    def take(self) -> None:
        self.busy += 100

    def cores(self, _threads: int) -> CoreUsage:
        return CoreUsage(self.busy * 1e-2, 0.0, 1, self.busy, self.busy // 50, 1, self.busy)

    def machine(self) -> MachineUsage:
        seconds = self.busy * 1e-2
        return MachineUsage(seconds, seconds, 0.0, 0.0, 2, self.busy // 100, seconds, self.busy)


def test_what_others_do_while_we_sleep_is_no_foreign_work(monkeypatch: pytest.MonkeyPatch) -> None:
    others = Others()
    monkeypatch.setattr(turning, "core_usage", others.cores)
    monkeypatch.setattr(turning, "machine_usage", others.machine)
    awake = Awake(others, threads=1)
    cores, machine = awake.core_usage(1), awake.machine_usage()
    awake.take()
    awake.take()
    assert (awake.core_usage(1), awake.machine_usage()) == (cores, machine)


def test_what_strangers_do_while_we_are_awake_is(monkeypatch: pytest.MonkeyPatch) -> None:
    others = Others()
    monkeypatch.setattr(turning, "core_usage", others.cores)
    monkeypatch.setattr(turning, "machine_usage", others.machine)
    awake = Awake(others, threads=1)
    timer = CpuTimer(1, usage=awake.core_usage)
    timer.calibrate(lambda: None, 1e-3)
    awake.take()
    others.busy += 200
    assert "1.00 cores on our cores" in timer.foreign_work()
    assert ForeignLoad.between(MachineUsage(0, 0, 0, 0, 2), awake.machine_usage()).foreign == 1.0
