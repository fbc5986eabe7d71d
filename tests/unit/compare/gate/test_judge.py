"""What a course is called: verdicts, and the reasons why there is none."""

import math

import numpy as np
import pytest
from scipy import stats

from sabench.compare.gate.blocks import Block, Figures, SideName, Stage
from sabench.compare.gate.driver import Course, Plan
from sabench.compare.gate.judge import (
    changes_between,
    compared_counts,
    exact_figures,
    judged_case,
    lost_counts,
    null_controls,
    steady_counts,
)
from sabench.compare.gate.result import GateCase
from sabench.compare.pair import Verdict
from sabench.records import Reading, Record, Status

WAVE = (0.0, 0.001, -0.001, 0.002)


def blocks(
    count: int, ratio: float, *, null: float = 1.0, cycles: float | None = None
) -> list[Block]:
    """Blocks of 1 s whose candidate takes `ratio` times that, within 0.2 %."""
    found = []
    for number in range(count):
        wave = math.exp(WAVE[number % 4])
        figures: dict[SideName, Figures] = {
            "base": {"a": 1.0},
            "candidate": {"a": ratio * wave},
            "null": {"a": null * wave},
        }
        told: dict[SideName, Figures] = {}
        if cycles is not None:
            told = {"base": {"a": 1e9}, "candidate": {"a": 1e9 * cycles * wave}}
        found.append(Block(number, figures, told))
    return found


def course(
    screen: list[Block], confirm: list[Block] | None = None, *, is_done: bool = True
) -> Course:
    return Course(
        Plan(("a",), {"a": 0.03}),
        screen=Stage(screen),
        confirm=Stage(confirm or []),
        suspects=("a",) if confirm is not None else (),
        is_done=is_done,
    )


def record(side: SideName, status: Status, **readings: float) -> Record:
    return Record(
        job_id=f"a-{side}-0",
        case_id="a",
        device="cpu",
        environment="0" * 12,
        suite="gate",
        preset="gate",
        replicate=0,
        side=side,
        status=status,
        readings={name: Reading.of("1", [value]) for name, value in readings.items()},
        started_utc="2026-01-01T00:00:00Z",
        wall_s=1.0,
    )


def judged(found: Course) -> tuple[Verdict | None, Status]:
    case = judged_case(found, "a")
    return case.verdict, case.status


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (3, (None, Status.CONTENDED)),
        (4, (Verdict.AMBIGUOUS, Status.OK)),
        (7, (Verdict.AMBIGUOUS, Status.OK)),
        (8, (Verdict.SAME, Status.OK)),
    ],
)
def test_fewer_than_four_blocks_say_nothing_and_fewer_than_eight_call_nothing_the_same(
    count, expected
):
    assert judged(course(blocks(count, 1.0))) == expected


@pytest.mark.parametrize("count", [2, 3])
def test_a_case_looks_faster_in_too_few_blocks_to_be_called_so(count):
    assert judged(course(blocks(count, 0.8))) == (None, Status.CONTENDED)
    assert judged(course(blocks(4, 0.8))) == (Verdict.IMPROVED, Status.OK)


def test_a_suspect_is_convicted_by_eight_blocks_and_by_no_fewer():
    assert judged(course(blocks(4, 1.2), blocks(8, 1.2))) == (Verdict.REGRESSED, Status.OK)
    case = judged_case(course(blocks(4, 1.2), blocks(7, 1.2)), "a")
    assert (case.verdict, case.status) == (None, Status.CONTENDED)
    assert case.reason.startswith("7 of at least 8 blocks")


def test_a_gate_that_was_stopped_convicts_nobody_by_its_screen():
    assert judged(course(blocks(4, 1.2), is_done=False)) == (None, Status.INTERRUPTED)
    assert judged(course(blocks(4, 1.2), blocks(3, 1.2), is_done=False)) == (
        None,
        Status.INTERRUPTED,
    )


@pytest.mark.parametrize("count", [8, 20])
def test_what_a_gate_would_have_found_is_told_of_the_eight_blocks_that_confirm(count):
    """However many screened it; their logs are WAVE again and again."""
    error = float(np.std(WAVE * (count // 4), ddof=1)) / math.sqrt(8)
    least = math.log(1.03) + error * stats.t.ppf(0.8, 7)
    found = judged_case(course(blocks(count, 1.0)), "a").decisive
    assert found is not None
    assert found.detectable == pytest.approx(math.expm1(least))


@pytest.mark.parametrize(
    ("cycles", "expected"),
    [(None, Verdict.REGRESSED), (1.2, Verdict.REGRESSED), (1.0, Verdict.CLOCK_SUSPECT)],
)
def test_a_slowdown_that_takes_no_more_cycles_is_the_clocks(cycles, expected):
    found = course(blocks(4, 1.2, cycles=1.2), blocks(8, 1.2, cycles=cycles))
    assert judged(found) == (expected, Status.OK)


def test_cycles_that_some_blocks_lack_acquit_nobody():
    confirm = [*blocks(7, 1.2, cycles=1.0), *blocks(1, 1.2)]
    assert judged(course(blocks(4, 1.2), confirm)) == (Verdict.REGRESSED, Status.OK)


def test_a_null_that_fires_in_the_screen_is_kept_beside_a_silent_one_in_the_confirmation():
    found = null_controls(course(blocks(4, 1.2, null=1.2), blocks(8, 1.2)))
    assert [(one.stage, one.has_fired, one.change.blocks) for one in found] == [
        ("screen", True, 4),
        ("confirm", False, 8),
    ]


def test_a_null_of_fewer_than_four_blocks_does_not_fire():
    (null,) = null_controls(course(blocks(3, 1.0, null=1.2)))
    assert null.verdict is Verdict.AMBIGUOUS


def lost(*records: Record) -> GateCase:
    found = course(blocks(2, 1.0))
    found.lose(records)
    return judged_case(found, "a")


def test_a_case_that_the_candidate_alone_cannot_measure_is_lost():
    case = lost(record("candidate", Status.OOM))
    assert (case.is_lost, case.status, case.reason) == (True, Status.OOM, "candidate: oom")
    assert not lost(record("base", Status.OOM), record("candidate", Status.OOM)).is_lost
    assert not lost(record("base", Status.UNSUPPORTED)).is_lost
    assert not lost(record("candidate", Status.CRASH)).is_lost  # it failed, which is told as such


def test_the_bases_second_process_is_called_the_base():
    case = lost(record("null", Status.CRASH))
    assert case.reason == "base: crash"


def test_a_failure_is_told_before_what_could_not_be_measured():
    case = lost(record("base", Status.OOM), record("candidate", Status.CRASH))
    assert (case.status, case.reason) == (Status.CRASH, "candidate: crash")


def test_a_count_that_two_processes_of_the_base_disagree_in_is_not_held():
    base, again = {("a", "macs"): 9.0, ("a", "params"): 3.0}, {("a", "macs"): 8.0}
    again["a", "params"] = 3.0
    held = steady_counts(base, again)
    assert held == {("a", "params"): 3.0}
    assert changes_between(held, {("a", "macs"): 10.0, ("a", "params"): 3.0}) == ()


def test_a_count_that_disappears_is_lost_if_the_candidate_knows_it():
    base = {("a", "macs"): 9.0, ("b", "macs"): 9.0, ("a", "params"): 3.0}
    now = {("b", "macs"): 9.0, ("a", "params"): 3.0}
    (gone,) = lost_counts(base, now, ["macs", "params"], ended=())
    assert (gone.case_id, gone.metric, gone.base) == ("a", "macs", 9.0)
    assert compared_counts(base, now, [gone]) == ("params",)
    assert lost_counts(base, now, ["params"], ended=()) == ()
    assert lost_counts(base, now, ["macs"], ended=["a"]) == ()


def test_a_count_of_an_unknown_name_is_none():
    found = exact_figures([record("candidate", Status.OK, macs=9.0, of_tomorrow=1.0)])
    assert found == {("a", "macs"): 9.0}
