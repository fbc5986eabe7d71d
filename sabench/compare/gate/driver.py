"""The course of a gate: screen every case, confirm on new blocks what looks slower, and a control.

Nothing here knows what a process is: a `Bench` measures, and this decides who is measured next.
"""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Literal

from sabench.compare.gate.blocks import Bench, Block, Stage, figures_of, sides_in_order, turns_of
from sabench.compare.pair import Effect, Verdict, verdict_of
from sabench.records import SHOWN, Record

RULE = 1  # version of the decision rule: a rate of false alarms holds for one alone
SCREEN_BLOCKS = 4
SAME_BLOCKS = 8  # fewer take themselves for quiet too often to call a case SAME
SCREEN_MOST = 20  # blocks of the screen, for cases that fewer do not settle
CONFIRM_BLOCKS = 8
SPARE_BLOCKS = 4  # more that a stage may try, where some were disturbed
SUSPICION = 0.95  # one-sided: how surely a suspect is slower
CYCLES = "latency_cycles"  # the metric that tells a slow clock from more work

StageName = Literal["screen", "confirm"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a gate is asked. `thresholds`: the least change that anybody minds, by case."""

    case_ids: tuple[str, ...]
    thresholds: Mapping[str, float]
    metric: str = "latency_warm"
    seed: int = 0

    @property
    def flipped(self) -> bool:
        """Whether the candidate opens the first block."""
        return random.Random(f"{self.seed} order").random() < 0.5


@dataclass(frozen=True, slots=True)
class Step:
    """A block begins: of which stage, the how manieth, who is still in question."""

    stage: StageName | Literal["history"]
    block: int  # from 1 in its stage
    case_ids: tuple[str, ...]


@dataclass(slots=True)
class Course:
    """What was measured. `control`: an unsuspected case, confirmed beside the suspects."""

    plan: Plan
    screen: Stage = field(default_factory=Stage)
    confirm: Stage = field(default_factory=Stage)
    suspects: tuple[str, ...] = ()
    control: str = ""
    is_done: bool = False  # neither stopped nor broken off
    in_turns: bool = False  # whether the sides of a block were measured in turns
    lost: dict[str, list[Record]] = field(default_factory=dict)  # by case: the records of its end

    def lose(self, records: Iterable[Record]) -> None:
        """A case that ended badly is measured no more."""
        for record in records:
            if record.status not in SHOWN:
                self.lost.setdefault(record.case_id, []).append(record)

    def effect(self, case_id: str) -> Effect | None:
        """The change that a case's verdict stands on; None without one block of it."""
        return self.deciding(case_id).effect(case_id, self.plan.thresholds[case_id])

    def deciding(self, case_id: str) -> Stage:
        """The blocks that a case's verdict stands on."""
        return self.confirm if case_id in self.suspects else self.screen

    @property
    def stages(self) -> dict[StageName, Stage]:
        """Both, in the order in which they are measured."""
        return {"screen": self.screen, "confirm": self.confirm}


def follow(
    plan: Plan,
    bench: Bench,
    tell: Callable[[Step], None] = lambda step: None,
    *,
    into: Course | None = None,
) -> Course:
    """Measure until every case is settled, or as far as its blocks go.

    The verdict of a suspect stands on the second stage alone: data that raised a suspicion do not
    also confirm it. `into`: the course that is written, for who wants it after an error too; cases
    that it has lost are not measured.

    Raises: what the bench raises.
    """
    course = Course(plan) if into is None else into
    numbers = count()  # of blocks, through both stages: a record is found by it

    def measure(
        stage: Stage, name: StageName, wanted: Callable[[], Sequence[str]], most: int
    ) -> None:
        while len(stage.blocks) < most and (case_ids := tuple(wanted())):
            tell(Step(name, len(stage.blocks) + 1, case_ids))
            stage.blocks.append(_block(course, bench, next(numbers), case_ids, stage))

    def unscreened() -> list[str]:
        return [one for one in plan.case_ids if _is_open(course, one)]

    measure(course.screen, "screen", unscreened, SCREEN_MOST + SPARE_BLOCKS)
    left = [one for one in plan.case_ids if one not in course.lost]
    course.suspects = tuple(one for one in left if _is_suspect(course, one))
    if course.suspects:
        others = [one for one in left if one not in course.suspects and course.screen.pairs(one)]
        course.control = random.Random(f"{plan.seed} control").choice(others) if others else ""
        confirmed = (*course.suspects, *filter(None, (course.control,)))

        def unconfirmed() -> list[str]:
            wanted = [one for one in confirmed if one not in course.lost]
            short = any(len(course.confirm.pairs(one)) < CONFIRM_BLOCKS for one in wanted)
            return wanted if short else []

        measure(course.confirm, "confirm", unconfirmed, CONFIRM_BLOCKS + SPARE_BLOCKS)
    course.is_done = True
    return course


def _block(
    course: Course, bench: Bench, number: int, case_ids: Sequence[str], stage: Stage
) -> Block:
    """One process of each side; a case that fails in one is lost to all later blocks."""
    with_null = stage is course.confirm or any(
        len(stage.pairs(one, "null")) < SCREEN_BLOCKS for one in case_ids
    )
    sides = sides_in_order(number, flipped=course.plan.flipped, with_null=with_null)
    told, metric = bench.measure(sides, number, case_ids), course.plan.metric
    for records in told.values():
        course.lose(records)
    return Block(
        number,
        figures={side: figures_of(records, metric) for side, records in told.items()},
        cycles={side: figures_of(records, CYCLES) for side, records in told.items()},
        turns={side: turns_of(records, metric) for side, records in told.items()},
    )


def _is_open(course: Course, case_id: str) -> bool:
    """Whether the screen has not done with a case: too few blocks, or not settled by them.

    A suspect is done with: more of the same data would not confirm it.
    """
    if case_id in course.lost:
        return False
    blocks = len(course.screen.pairs(case_id))
    if blocks < SCREEN_BLOCKS:
        return True
    if blocks >= SCREEN_MOST or _is_suspect(course, case_id):
        return False
    effect = course.screen.effect(case_id, course.plan.thresholds[case_id])
    verdict = verdict_of(effect) if effect is not None else Verdict.AMBIGUOUS
    return verdict is Verdict.AMBIGUOUS or (verdict is Verdict.SAME and blocks < SAME_BLOCKS)


def _is_suspect(course: Course, case_id: str) -> bool:
    effect = course.screen.effect(case_id, course.plan.thresholds[case_id])
    if effect is None:
        return False
    return effect.change > effect.theta and effect.lower_bound(SUSPICION) > 0.0
