"""Sampling in turns: the slices, what is thrown away before each, and the sleep between two."""

import os
import subprocess
import sys

import pytest

from sabench.measure import cpu_timer
from sabench.measure.cpu_timer import CpuTimer
from sabench.measure.judging import Timing
from sabench.measure.load import Disturbance
from sabench.measure.turns import TURN_S, WARM_BLOCKS, ByTurns
from sabench.records import Flag, Status
from scripted import QUICK, Clock, Script, ScriptedTimer, clean, protocol_of

COUNT = 6


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
    assert len(timing.samples) == timing.details["blocks"] >= COUNT * TURN_S / 2e-3
    assert (timing.status, timing.flags) == (Status.OK, ())


def test_what_others_take_in_between_is_not_measuring_time() -> None:
    timing, _, turns = measure(clean())
    assert timing.details["measured_s"] < 2 * COUNT * TURN_S < turns.others_s


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
    assert Flag.PREEMPTED in timing.flags


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


@pytest.mark.parametrize(("shares_cores", "said"), [(False, "2.00 cores on our cores"), (True, "")])
def test_who_shares_its_cores_is_not_told_of_the_work_between_its_turns(
    monkeypatch: pytest.MonkeyPatch, shares_cores: bool, said: str
) -> None:
    monkeypatch.setattr(cpu_timer, "core_usage", lambda _: object())
    monkeypatch.setattr(
        cpu_timer, "foreign_work", lambda before, _: "2.00 cores on our cores" if before else ""
    )
    timer = CpuTimer(1, shares_cores=shares_cores)
    timer.calibrate(lambda: None, 1e-3)
    assert timer.foreign_work() == said
