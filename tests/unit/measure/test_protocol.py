"""Warm-up, sampling and judging, driven by a scripted timer and clock."""

import gc
import math
from collections.abc import Callable
from itertools import repeat

import pytest

from sabench.measure.judging import Timing
from sabench.measure.load import Disturbance
from sabench.measure.protocol import Protocol
from sabench.records import Flag, Status
from scripted import QUICK, Clock, Script, ScriptedTimer, clean, protocol_of


def measure(
    script: Script, call: Callable[[], object] = lambda: None
) -> tuple[Timing, ScriptedTimer, Protocol]:
    protocol = protocol_of(script)
    timing = protocol.measure(call)
    assert isinstance(protocol.timer, ScriptedTimer)
    return timing, protocol.timer, protocol


def every(n: int, seconds: float, disturbed: float) -> Script:
    """Each n-th block is disturbed and takes longer."""
    index = 0
    while True:
        index += 1
        bad = index % n == 0
        yield (disturbed, Disturbance.WAITED) if bad else (seconds, Disturbance.NONE)


def test_a_quiet_constant_call_is_ok_without_flags() -> None:
    timing, _, protocol = measure(clean())
    assert timing.status is protocol.status is Status.OK
    assert timing.flags == ()
    assert set(timing.samples) == {2e-3}
    assert timing.details["stop"] == "precise"


def test_warm_up_takes_its_least_time_and_sampling_a_tenth_of_a_second() -> None:
    timing, _, _ = measure(clean())
    assert timing.details["warmup_s"] >= QUICK.warmup_min_s
    assert timing.details["measured_s"] >= 0.1


def test_rejected_blocks_leave_no_sample_and_are_counted() -> None:
    timing, _, _ = measure(every(5, 2e-3, 9e-3))
    assert set(timing.samples) == {2e-3}
    assert timing.details["rejected"] == timing.details["blocks"] - len(timing.samples) > 0
    assert timing.flags == (Flag.PREEMPTED,)
    assert timing.status is Status.OK


def test_a_rare_rejection_is_no_flag() -> None:
    timing, _, _ = measure(every(40, 2e-3, 9e-3))
    assert timing.details["rejected"] > 0
    assert timing.flags == ()


def test_more_than_half_rejected_is_contended_and_keeps_its_figures() -> None:
    def script() -> Script:
        while True:
            yield 2e-3, Disturbance.NONE
            yield 5e-3, Disturbance.WAITED
            yield 5e-3, Disturbance.WAITED

    timing, _, protocol = measure(script())
    assert timing.status is protocol.status is Status.CONTENDED
    assert timing.samples
    assert Flag.PREEMPTED in timing.flags


def shared(chunks: int, own: int, disturbance: Disturbance = Disturbance.SLOWED) -> Script:
    """Of so many chunks of ten blocks, the last ones are the call's own; the others are slow."""
    while True:
        yield from [(5e-3, disturbance)] * 10 * (chunks - own)
        yield from [(2e-3, Disturbance.NONE)] * 10 * own


def test_chunks_of_a_shared_core_are_passed_over_for_those_of_its_own() -> None:
    timing, _, protocol = measure(shared(8, 1))
    assert timing.status is protocol.status is Status.OK
    assert timing.flags == (Flag.PREEMPTED,)
    assert set(timing.samples) == {2e-3}
    passed, rejected = timing.details["passed_over"], timing.details["rejected"]
    assert isinstance(passed, int)
    assert isinstance(rejected, int)
    assert rejected <= len(timing.samples)  # of chunks that begin or end amid the others'
    assert passed + rejected == pytest.approx(7 * len(timing.samples), rel=0.2)


def test_work_that_is_seen_beside_a_call_is_not_waited_out() -> None:
    timing, _, _ = measure(shared(8, 1, Disturbance.WAITED))
    assert timing.status is Status.CONTENDED
    assert timing.details["passed_over"] == 0


def test_a_core_that_is_never_its_own_is_waited_for_as_long_as_sampling_may_take() -> None:
    timing, _, protocol = measure(repeat((5e-3, Disturbance.SLOWED)))
    assert timing.status is Status.CONTENDED
    waited_s = timing.details["passed_over"] * 5e-3  # type: ignore[operator]
    assert waited_s == pytest.approx(QUICK.budget_s, abs=0.1)
    assert timing.details["measured_s"] <= QUICK.budget_s + 0.1  # type: ignore[operator]
    assert "something unseen shared the core in " in protocol.message


def test_what_was_had_of_a_core_counts_when_the_wait_is_over() -> None:
    def soon_shared() -> Script:
        yield from [(2e-3, Disturbance.NONE), (3e-3, Disturbance.NONE)] * 150
        while True:
            yield 5e-3, Disturbance.SLOWED

    precise = QUICK.model_copy(update={"half_width": 1e-9, "samples_max": 10_000})
    protocol = protocol_of(soon_shared(), precise)
    timing = protocol.measure(lambda: None)
    assert timing.status is Status.OK
    assert timing.details["stop"] == "budget"
    assert timing.details["rejected"] < 10  # type: ignore[operator]  # of one chunk at most


def test_a_deadline_ends_the_wait_for_a_core() -> None:
    def soon_shared() -> Script:
        yield from [(2e-3, Disturbance.NONE), (3e-3, Disturbance.NONE)] * 150
        while True:
            yield 5e-3, Disturbance.SLOWED

    hasty = QUICK.model_copy(update={"half_width": 1e-9, "samples_max": 10_000, "deadline_s": 1.2})
    timing = protocol_of(soon_shared(), hasty).measure(lambda: None)
    assert timing.details["stop"] == "deadline"
    assert timing.status is Status.OK
    assert timing.details["passed_s"] < QUICK.budget_s  # type: ignore[operator]


def test_long_blocks_of_a_shared_core_are_not_waited_out() -> None:
    """Their ends alone are looked at: what comes between is not seen."""
    timing, _, _ = measure(repeat((0.05, Disturbance.SLOWED)))
    assert timing.details["passed_over"] == 0
    assert timing.status is Status.CONTENDED


def test_a_case_that_never_runs_alone_ends_within_its_budget() -> None:
    timing, _, _ = measure(repeat((3e-3, Disturbance.WAITED)))
    assert timing.status is Status.CONTENDED
    assert timing.details["samples_are"] == "all blocks"
    assert timing.details["measured_s"] <= QUICK.budget_s + 10 * 3e-3


def test_a_call_that_gets_faster_all_the_time_is_unsettled() -> None:
    def script() -> Script:
        seconds = 5e-3
        while True:
            seconds *= 0.999
            yield seconds, Disturbance.NONE

    timing, _, _ = measure(script())
    assert Flag.WARMUP_UNSETTLED in timing.flags
    assert timing.details["warmup_s"] >= QUICK.warmup_max_s


def test_a_call_that_settles_late_is_measured_after_it_has_settled() -> None:
    def script() -> Script:
        for step in range(100):
            yield 5e-3 - step * 3e-5, Disturbance.NONE
        yield from clean(2e-3)

    timing, timer, _ = measure(script())
    assert set(timing.samples) == {2e-3}
    assert timer.estimates[-1] == 2e-3
    assert Flag.WARMUP_UNSETTLED not in timing.flags


def test_a_call_of_seconds_is_sampled_ten_times() -> None:
    timing, _, _ = measure(clean(2.0))
    assert len(timing.samples) == 10


def test_a_call_that_fills_the_deadline_still_has_a_figure() -> None:
    timing, timer, _ = measure(clean(30.0))
    assert len(timing.samples) == 1
    assert Flag.PRECISION_NOT_MET in timing.flags
    assert timer.clock.now - 100.0 <= QUICK.deadline_s + 30.0


def test_nothing_is_told_inside_a_block_and_nothing_collected() -> None:
    clock = Clock()
    timer = ScriptedTimer(clock, clean())
    told: list[tuple[float, int]] = []

    def show(latency_s: float, n: int) -> None:
        assert not timer.inside
        told.append((latency_s, n))

    def call() -> None:
        assert not gc.isenabled()

    Protocol(QUICK, timer, show, clock=clock, started_s=clock()).measure(call)
    assert gc.isenabled()
    assert told[-1][0] == 2e-3


def test_the_device_is_looked_at_the_moment_sampling_ends() -> None:
    clock = Clock()
    looked: list[float] = []
    protocol = Protocol(
        QUICK, ScriptedTimer(clock, clean()), look=lambda: looked.append(clock.now), clock=clock
    )
    protocol.started_s = clock()
    protocol.measure(lambda: None)
    assert looked == [clock.now]


def test_work_beside_an_undisturbed_sampling_is_contention() -> None:
    clock = Clock()
    timer = ScriptedTimer(clock, clean())
    timer.beside = "0.90 cores on their siblings"
    timing = Protocol(QUICK, timer, clock=clock, started_s=clock()).measure(lambda: None)
    assert timing.status is Status.CONTENDED
    assert timing.details["rejected"] == 0
    assert timing.details["foreign_work"] == timer.beside


def test_a_half_width_that_is_not_known_is_no_number() -> None:
    timing, _, _ = measure(clean(30.0))
    assert timing.details["half_width"] is None
    assert all(math.isfinite(sample) for sample in timing.samples)


def test_collection_comes_back_after_a_call_that_raises() -> None:
    def broken() -> None:
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - the test's own
        measure(clean(), broken)
    assert gc.isenabled()
