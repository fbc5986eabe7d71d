"""Who a gate measures, in what order and how often, by figures that a script gives."""

from collections.abc import Callable, Sequence

import pytest

from sabench.compare.gate.blocks import SideName, sides_in_order
from sabench.compare.gate.driver import Course, Plan, Step, follow
from sabench.compare.gate.judge import judged_case
from sabench.compare.pair import Verdict, verdict_of
from sabench.launch.interruption import Stop
from sabench.records import Reading, Record, Status

Answer = float | Status
Script = Callable[[SideName, int, str], Answer]
"""A figure in ms, or how the job ends, of a side, a block and a case."""

WAVE = (0.0, 0.001, -0.001, 0.002, -0.002)


def calm(side: SideName, block: int, case_id: str) -> float:
    """Within 0.2 % of a millisecond, no two sides alike."""
    return 1.0 + WAVE[(block * 3 + len(side)) % 5]


def slower(*case_ids: str, by: float = 1.2) -> Script:
    def script(side: SideName, block: int, case_id: str) -> float:
        is_slow = side == "candidate" and case_id in case_ids
        return calm(side, block, case_id) * (by if is_slow else 1.0)

    return script


class ScriptedBench:
    """Answers as the script says, and keeps what it was asked."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.asked: list[tuple[SideName, int, tuple[str, ...]]] = []

    def measure(
        self, sides: Sequence[SideName], block: int, case_ids: Sequence[str]
    ) -> dict[SideName, list[Record]]:
        return {side: self.one(side, block, case_ids) for side in sides}

    def one(self, side: SideName, block: int, case_ids: Sequence[str]) -> list[Record]:
        self.asked.append((side, block, tuple(case_ids)))
        return [self._record(side, block, one) for one in reversed(case_ids)]

    def _record(self, side: SideName, block: int, case_id: str) -> Record:
        answer = self.script(side, block, case_id)
        is_figure = not isinstance(answer, Status)
        readings = {"latency_warm": Reading.of("s", [answer / 1e3])} if is_figure else {}
        return Record(
            job_id=f"{case_id}-{side}-{block}",
            case_id=case_id,
            device="cpu",
            environment="0" * 12,
            suite="gate",
            preset="gate",
            replicate=block,
            side=side,
            status=Status.OK if is_figure else answer,
            readings=readings,
            started_utc="2026-01-01T00:00:00Z",
            wall_s=1.0,
        )


def plan(*case_ids: str, seed: int = 1) -> Plan:
    return Plan(case_ids, dict.fromkeys(case_ids, 0.03), seed=seed)


def course_of(script: Script, *case_ids: str) -> tuple[Course, ScriptedBench]:
    bench = ScriptedBench(script)
    return follow(plan(*case_ids), bench), bench


def verdict(course: Course, case_id: str) -> Verdict:
    effect = course.effect(case_id)
    assert effect is not None
    return verdict_of(effect)


def test_a_case_that_is_the_same_takes_eight_blocks_and_no_confirmation() -> None:
    course, _ = course_of(calm, "a", "b")
    assert [verdict(course, one) for one in "ab"] == [Verdict.SAME, Verdict.SAME]
    assert (len(course.screen.blocks), len(course.confirm.blocks)) == (8, 0)
    assert (course.suspects, course.control) == ((), "")


def test_the_null_process_runs_in_the_first_four_blocks_of_the_screen_and_in_every_later_one() -> (
    None
):
    _, bench = course_of(slower("a"), "a", "b")
    blocks = {block for side, block, _ in bench.asked if side == "null"}
    assert blocks == {0, 1, 2, 3, *range(8, 16)}


def test_a_suspect_is_screened_no_further_and_confirmed_on_eight_new_blocks() -> None:
    course, bench = course_of(slower("a"), "a", "b", "c")
    assert course.suspects == ("a",)
    assert verdict(course, "a") is Verdict.REGRESSED
    screened = [block for side, block, ids in bench.asked if side == "base" and "a" in ids]
    assert screened == [0, 1, 2, 3, *range(8, 16)]
    assert len(course.confirm.pairs("a")) == 8
    assert course.control in ("b", "c")
    assert {ids for _, block, ids in bench.asked if block >= 8} == {("a", course.control)}


def test_the_verdict_of_a_suspect_stands_on_the_confirmation_alone() -> None:
    """Slow in the screen only: what raised the suspicion does not convict."""

    def script(side: SideName, block: int, case_id: str) -> float:
        is_slow = side == "candidate" and case_id == "a" and block < 4
        return calm(side, block, case_id) * (1.3 if is_slow else 1.0)

    course, _ = course_of(script, "a", "b")
    assert course.suspects == ("a",)
    assert verdict(course, "a") is Verdict.SAME


def test_a_faster_case_is_settled_by_the_screen() -> None:
    course, _ = course_of(slower("a", by=0.8), "a", "b")
    assert verdict(course, "a") is Verdict.IMPROVED
    assert len(course.screen.pairs("a")) == 4
    assert course.suspects == ()


def test_a_noisy_case_goes_on_to_twenty_blocks_and_stays_ambiguous() -> None:
    def script(side: SideName, block: int, case_id: str) -> float:
        swing = 1.1 if block % 2 else 1 / 1.1
        return calm(side, block, case_id) * (swing if (case_id, side) == ("a", "base") else 1.0)

    course, _ = course_of(script, "a", "b")
    assert (len(course.screen.pairs("a")), len(course.screen.pairs("b"))) == (20, 8)
    assert verdict(course, "a") is Verdict.AMBIGUOUS


def test_all_cases_may_be_suspects_and_then_there_is_no_control() -> None:
    course, _ = course_of(slower("a", "b"), "a", "b")
    assert (course.suspects, course.control) == (("a", "b"), "")
    assert [verdict(course, one) for one in "ab"] == [Verdict.REGRESSED] * 2


def test_a_case_that_fails_is_lost_and_measured_no_more() -> None:
    def script(side: SideName, block: int, case_id: str) -> Answer:
        if (case_id, side, block) == ("a", "candidate", 2):
            return Status.CRASH
        return calm(side, block, case_id)

    course, bench = course_of(script, "a", "b")
    assert course.lost["a"][0].status is Status.CRASH
    assert all("a" not in ids for _, block, ids in bench.asked if block > 2)
    assert verdict(course, "b") is Verdict.SAME


def test_a_suspect_lost_in_the_confirmation_does_not_keep_it_open() -> None:
    def script(side: SideName, block: int, case_id: str) -> Answer:
        if case_id == "a" and block == 9:
            return Status.OOM
        return slower("a")(side, block, case_id)

    course, _ = course_of(script, "a", "b")
    assert course.lost["a"][0].status is Status.OOM
    assert len(course.confirm.blocks) == 8


def test_disturbed_blocks_are_made_up_for_on_both_sides_and_in_the_null() -> None:
    def script(side: SideName, block: int, case_id: str) -> Answer:
        return Status.CONTENDED if block in (0, 2) else calm(side, block, case_id)

    course, _ = course_of(script, "a")
    assert len(course.screen.blocks) == 10
    assert len(course.screen.pairs("a")) == 8
    assert len(course.screen.pairs("a", "null")) == 4


def test_a_case_that_is_always_disturbed_ends_and_is_no_control() -> None:
    def script(side: SideName, block: int, case_id: str) -> Answer:
        return Status.THROTTLED if case_id == "b" else slower("a")(side, block, case_id)

    course, _ = course_of(script, "a", "b")
    assert len(course.screen.blocks) == 24
    assert course.effect("b") is None
    assert course.control == ""
    assert verdict(course, "a") is Verdict.REGRESSED


def test_base_against_base_is_measured_in_both_stages() -> None:
    course, _ = course_of(slower("a"), "a", "b", "c")
    other = "b" if course.control == "c" else "c"
    blocks = {
        one: [len(stage.pairs(one, "null")) for stage in course.stages.values()] for one in "abc"
    }
    assert blocks == {"a": [4, 8], course.control: [4, 8], other: [4, 0]}


def test_a_case_that_is_lost_beforehand_is_not_measured() -> None:
    into, bench = Course(plan("a", "b")), ScriptedBench(calm)
    into.lose([ScriptedBench(lambda *_: Status.PARITY_FAILED)._record("candidate", 0, "a")])
    follow(into.plan, bench, into=into)
    assert {ids for _, _, ids in bench.asked} == {("b",)}


@pytest.mark.parametrize("flipped", [False, True])
def test_sides_go_there_and_back_so_that_a_steady_drift_cancels(flipped: bool) -> None:
    """Over two blocks each side is as far from the middle on one hand as on the other."""
    for with_null, width in ((True, 3), (False, 2)):
        orders = [
            sides_in_order(number, flipped=flipped, with_null=with_null) for number in range(2)
        ]
        line = [side for order in orders for side in order]
        places: dict[str, int] = {}
        for place, side in enumerate(line):
            places[side] = places.get(side, 0) + place
        assert set(places.values()) == {2 * width - 1}
        assert orders[0] == orders[1][::-1]


@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize("first", [0, 1, 2, 3])
def test_the_null_control_takes_the_candidates_path(flipped: bool, first: int) -> None:
    """Over four blocks, from any on: the same places, behind the same processes, as often."""

    def path(one: SideName, other: SideName) -> list[tuple[int, str]]:
        names = {"base": "base", other: "the other"}
        found = []
        for number in range(first, first + 4):
            order = sides_in_order(number, flipped=flipped, with_null=True)
            place = order.index(one)
            found.append((place, names[order[place - 1]] if place else ""))
        return sorted(found)

    assert path("candidate", "null") == path("null", "candidate")
    assert [place for place, _ in path("null", "candidate")] == [0, 1, 1, 2]


def test_the_seed_decides_who_opens() -> None:
    openers = {plan("a", seed=seed).flipped for seed in range(20)}
    assert openers == {False, True}
    assert plan("a", seed=3).flipped == plan("a", seed=3).flipped


def test_each_block_is_told_before_it_is_measured() -> None:
    steps: list[Step] = []
    follow(plan("a", "b"), ScriptedBench(slower("a")), steps.append)
    assert [(step.stage, step.block) for step in steps] == [
        *(("screen", number) for number in range(1, 9)),
        *(("confirm", number) for number in range(1, 9)),
    ]
    assert steps[0].case_ids == ("a", "b")
    assert steps[4].case_ids == ("b",)


def test_what_was_measured_before_a_stop_is_in_the_course_that_was_given() -> None:
    def script(side: SideName, block: int, case_id: str) -> float:
        if block == 3:
            raise Stop
        return calm(side, block, case_id)

    into = Course(plan("a"))
    with pytest.raises(Stop):
        follow(into.plan, ScriptedBench(script), into=into)
    assert len(into.screen.pairs("a")) == 3


def test_cycles_are_kept_beside_the_times_of_the_same_blocks() -> None:
    class ClockedBench(ScriptedBench):
        """Whatever the time, a million cycles."""

        def one(self, side: SideName, block: int, case_ids: Sequence[str]) -> list[Record]:
            told = Reading.of("cycle", [calm(side, block, "a") * 1e6])
            return [
                record.model_copy(update={"readings": record.readings | {"latency_cycles": told}})
                for record in super().one(side, block, case_ids)
            ]

    course = follow(plan("a"), ClockedBench(slower("a")))
    cycles = course.confirm.effect_in_cycles("a", 0.03)
    assert cycles is not None
    assert cycles.ratio == pytest.approx(1.0, abs=0.004)
    assert judged_case(course, "a").verdict is Verdict.CLOCK_SUSPECT
    without = follow(plan("a"), ScriptedBench(slower("a")))
    assert judged_case(without, "a").verdict is Verdict.REGRESSED


def test_a_threshold_of_a_case_is_its_own() -> None:
    bench = ScriptedBench(slower("a", "b", by=1.06))
    course = follow(Plan(("a", "b"), {"a": 0.03, "b": 0.10}, seed=1), bench)
    assert course.suspects == ("a",)
    assert [verdict(course, one) for one in "ab"] == [Verdict.REGRESSED, Verdict.SAME]
