"""From blocks and counts to verdicts, as the result keeps them."""

from collections.abc import Iterable, Mapping

from sabench.catalog.metrics import METRICS
from sabench.compare.gate.blocks import SideName, Stage
from sabench.compare.gate.driver import Course
from sabench.compare.gate.result import Change, CountChange, GateCase, NullControl
from sabench.compare.pair import verdict_of
from sabench.records import SHOWN, Record, Status

Counted = Mapping[SideName, Iterable[Record]]
"""What each side's parity and counts told."""

ExactFigures = Mapping[tuple[str, str], float]
"""Counts without noise, by case and metric."""


def judged_case(course: Course, case_id: str, counted: Counted) -> GateCase:
    """A case with its verdict, or with the reason why it has none."""
    threshold = course.plan.thresholds[case_id]
    effect, lost = course.effect(case_id), course.lost.get(case_id)
    lost = lost or next(iter(_ended_badly(case_id, counted)), None)
    reason, status = "", Status.OK
    if lost is not None:
        status = lost.status
        reason = f"{lost.side}: {lost.message or lost.status}"
    elif effect is None or effect.error is None:
        status = Status.CONTENDED
        reason = "too few blocks were undisturbed on both sides; measure on a quiet machine"
    is_suspect = case_id in course.suspects
    return GateCase(
        case_id=case_id,
        threshold=threshold,
        screen=_change(course.screen, case_id, threshold),
        confirm=_change(course.confirm, case_id, threshold),
        is_suspect=is_suspect,
        is_control=case_id == course.control,
        verdict=None if reason or effect is None else verdict_of(effect),
        status=status,
        reason=reason,
    )


def null_controls(course: Course) -> tuple[NullControl, ...]:
    """Base against base of each case that was not lost."""
    found = []
    for case_id, effect in course.null_effects().items():
        stage = course.null_stage(case_id)
        change = Change.of(effect, tuple(stage.pairs(case_id, "null")))
        if case_id not in course.lost:
            found.append(NullControl(case_id=case_id, change=change, verdict=verdict_of(effect)))
    return tuple(found)


def changes_between(base: ExactFigures, candidate: ExactFigures) -> tuple[CountChange, ...]:
    """The counts that differ, by case and metric; an absent one is no change."""
    return tuple(
        CountChange(case_id=case_id, metric=name, base=figure, candidate=candidate[case_id, name])
        for (case_id, name), figure in base.items()
        if candidate.get((case_id, name), figure) != figure
    )


def compared_counts(base: ExactFigures, candidate: ExactFigures) -> tuple[str, ...]:
    """The metrics that both told of some case."""
    return tuple(dict.fromkeys(name for case_id, name in base if (case_id, name) in candidate))


def exact_figures(records: Iterable[Record]) -> dict[tuple[str, str], float]:
    """The counts of a side."""
    return {
        (record.case_id, name): reading.median
        for record in records
        for name, reading in record.readings.items()
        if METRICS[name].exact and reading.median is not None
    }


def _ended_badly(case_id: str, counted: Counted) -> Iterable[Record]:
    return (
        record
        for records in counted.values()
        for record in records
        if record.case_id == case_id and record.status not in SHOWN
    )


def _change(stage: Stage, case_id: str, threshold: float) -> Change | None:
    effect = stage.effect(case_id, threshold)
    return Change.of(effect, tuple(stage.pairs(case_id))) if effect is not None else None
