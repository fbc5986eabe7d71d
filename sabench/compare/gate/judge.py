"""From blocks and counts to verdicts, as the result keeps them."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from sabench.catalog.metrics import METRICS
from sabench.compare.gate.blocks import Stage
from sabench.compare.gate.driver import CONFIRM_BLOCKS, SAME_BLOCKS, SCREEN_BLOCKS, Course
from sabench.compare.gate.result import Change, CountChange, CountLost, GateCase, NullControl
from sabench.compare.pair import Effect, Verdict, is_of_the_clock, verdict_of
from sabench.records import FAILED, Record, Status

ExactFigures = Mapping[tuple[str, str], float]
"""Counts without noise, by case and metric."""


def judged_case(course: Course, case_id: str) -> GateCase:
    """A case with its verdict, or with the reason why it has none."""
    threshold, is_suspect = course.plan.thresholds[case_id], case_id in course.suspects
    ended = course.lost.get(case_id, [])
    status, reason = _end_of(ended) if ended else _not_told(course, case_id)
    return GateCase(
        case_id=case_id,
        threshold=threshold,
        screen=_change(course.screen, case_id, threshold),
        confirm=_change(course.confirm, case_id, threshold),
        is_suspect=is_suspect,
        is_control=case_id == course.control,
        is_lost=bool(ended)
        and status not in FAILED
        and {one.side for one in ended} == {"candidate"},
        verdict=None if reason else _verdict(course, case_id),
        status=status,
        reason=reason,
    )


def null_controls(course: Course) -> tuple[NullControl, ...]:
    """Base against base of each case that was not lost, in each stage that measured it."""
    found = []
    for name, stage in course.stages.items():
        for case_id in course.plan.case_ids:
            effect = stage.effect(case_id, course.plan.thresholds[case_id], "null")
            if effect is None or case_id in course.lost:
                continue
            told = verdict_of(effect)
            if effect.processes[0] < SCREEN_BLOCKS:
                told = Verdict.AMBIGUOUS
            change = _told(effect, stage.pairs(case_id, "null"))
            found.append(NullControl(case_id=case_id, stage=name, change=change, verdict=told))
    return tuple(found)


def steady_counts(base: ExactFigures, again: ExactFigures) -> dict[tuple[str, str], float]:
    """The counts in which two processes of the base agree: no others can be held."""
    return {key: figure for key, figure in base.items() if again.get(key) == figure}


def changes_between(base: ExactFigures, candidate: ExactFigures) -> tuple[CountChange, ...]:
    """The counts that differ, by case and metric; an absent one is no change."""
    return tuple(
        CountChange(case_id=case_id, metric=name, base=figure, candidate=candidate[case_id, name])
        for (case_id, name), figure in base.items()
        if candidate.get((case_id, name), figure) != figure
    )


def lost_counts(
    base: ExactFigures, candidate: ExactFigures, known: Iterable[str], ended: Collection[str]
) -> tuple[CountLost, ...]:
    """The counts that the candidate knows and does not tell, of cases that have not ended badly."""
    names = set(known)
    return tuple(
        CountLost(case_id=case_id, metric=name, base=figure)
        for (case_id, name), figure in base.items()
        if name in names and (case_id, name) not in candidate and case_id not in ended
    )


def compared_counts(
    base: ExactFigures, candidate: ExactFigures, lost: Iterable[CountLost] = ()
) -> tuple[str, ...]:
    """The metrics that both told of some case, and that no case lost."""
    gone = {one.metric for one in lost}
    both = dict.fromkeys(name for case_id, name in base if (case_id, name) in candidate)
    return tuple(name for name in both if name not in gone)


def exact_figures(records: Iterable[Record]) -> dict[tuple[str, str], float]:
    """The counts of a side; what a newer one calls by a name unknown here is none."""
    return {
        (record.case_id, name): reading.median
        for record in records
        for name, reading in record.readings.items()
        if name in METRICS and METRICS[name].exact and reading.median is not None
    }


def _end_of(ended: Sequence[Record]) -> tuple[Status, str]:
    """How a case ended that was lost: a failure before what could not be measured."""
    record = next((one for one in ended if one.status in FAILED), ended[0])
    side = "base" if record.side == "null" else record.side  # it is measured a second time
    return record.status, f"{side}: {record.message or record.status}"


def _not_told(course: Course, case_id: str) -> tuple[Status, str]:
    """Why the blocks of a case allow no verdict; no reason if they do."""
    is_suspect = case_id in course.suspects
    stage, least = (
        (course.confirm, CONFIRM_BLOCKS) if is_suspect else (course.screen, SCREEN_BLOCKS)
    )
    blocks = len(stage.pairs(case_id))
    if blocks < least and course.is_done:
        told = f"{blocks} of at least {least} blocks were undisturbed on both sides"
        return Status.CONTENDED, f"{told}; measure on a quiet machine"
    if blocks < least or (not is_suspect and _verdict(course, case_id) is Verdict.REGRESSED):
        return Status.INTERRUPTED, f"the gate ended after {blocks} blocks of it, before a verdict"
    return Status.OK, ""


def _verdict(course: Course, case_id: str) -> Verdict | None:
    """By the blocks that decide; None without one."""
    stage = course.deciding(case_id)
    effect = course.effect(case_id)
    if effect is None:
        return None
    verdict = verdict_of(effect)
    if verdict is Verdict.SAME and effect.processes[0] < SAME_BLOCKS:
        return Verdict.AMBIGUOUS
    cycles = stage.effect_in_cycles(case_id, course.plan.thresholds[case_id])
    if verdict is Verdict.REGRESSED and cycles is not None and is_of_the_clock(cycles):
        return Verdict.CLOCK_SUSPECT
    return verdict


def _change(stage: Stage, case_id: str, threshold: float) -> Change | None:
    effect = stage.effect(case_id, threshold)
    return _told(effect, stage.pairs(case_id)) if effect is not None else None


def _told(effect: Effect, pairs: Sequence[tuple[float, float]]) -> Change:
    """What would be found is held to the confirmation's blocks, however long the screen was."""
    decisive = effect.over(min(len(pairs), CONFIRM_BLOCKS))
    change = Change.of(effect, tuple(pairs))
    return change.model_copy(update={"detectable": decisive.detectable})
