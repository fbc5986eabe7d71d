"""What a gate's outcome reads like, for every way of showing it. Nothing here is escaped."""

import math
import re
from dataclasses import dataclass
from statistics import geometric_mean

from sabench.catalog.metrics import METRICS
from sabench.compare.gate.result import (
    Change,
    CountChange,
    CountLost,
    GateCase,
    GateResult,
    Outcome,
    SideTold,
)
from sabench.compare.pair import Verdict
from sabench.launch.resume import difference
from sabench.records import FAILED, Status
from sabench.report.columns import SHOWN_AS
from sabench.report.plain import ending
from sabench.units import show_duration

OUTCOME_MEANING = {
    Outcome.PASSED: "nothing was found to be slower",
    Outcome.REGRESSED: "the candidate does worse",
    Outcome.UNRELIABLE: "the times of this gate are not to be trusted",
    Outcome.FAILED: "a case did not end as it should",
    Outcome.INTERRUPTED: "stopped before the end; what follows is what was measured until then",
}

MODE_MEANING = {
    "interleaved": "Both sides measured in one job on one device, a process after the other.",
    "commands": "Two commands measured in turn, in one job, on one device.",
    "history": "History mode: the base is stored and was not measured beside the candidate, so "
    "that a drift of the machine counts as a change: only large ones are told.",
}

IN_TURNS = "Both sides measured in one job on one device, in turns, slice by slice."

COMMIT = re.compile("[0-9a-f]{7,64}")

LEGEND = (
    "ratio: candidate over base. 99 %: its interval. finds: the slowdown that would have been "
    "found in 4 of 5 gates."
)

COUNT_TITLES = {True: "more than before", False: "less than before"}


@dataclass(frozen=True, slots=True)
class CaseLine:
    """The cells of one case."""

    case_id: str
    base: str
    candidate: str
    ratio: str
    interval: str
    theta: str  # what a change must exceed to count
    finds: str  # the slowdown that would have been found
    verdict: str
    note: str  # why there is no verdict, or what it stands on


def headline(result: GateResult) -> str:
    """The outcome and why, in one line."""
    return f"{result.outcome}: {because(result)}"


def because(result: GateResult) -> str:
    """Why the outcome is what it is."""
    outcome = result.outcome
    if outcome is Outcome.UNRELIABLE:
        return result.unreliable_because
    told = "; ".join(_faults(result)) if outcome is not Outcome.PASSED else ""
    return told or OUTCOME_MEANING[outcome]


def tally(result: GateResult) -> str:
    """How many cases of each verdict."""
    counted = [
        f"{len(found)} {verdict}" for verdict in Verdict if (found := result.with_verdict(verdict))
    ]
    without = sum(case.verdict is None for case in result.cases)
    if without:
        counted.append(f"{without} without a verdict")
    return f"{_number(len(result.cases), 'case')}: {', '.join(counted) or 'none was measured'}"


def setting(result: GateResult) -> list[str]:
    """What was held against what, how, and where."""
    found = result.candidate.environment or result.base.environment
    device = f"{result.device}: {found.device_name}" if found else result.device
    return [
        f"Base {side_name(result.base)}.",
        f"Candidate {side_name(result.candidate)}.",
        f"Suite {result.suite}, {result.metric}, on {device}, preset {result.preset.name}, "
        f"seed {result.seed}, {show_duration(result.wall_s)}.",
        *([f"Thresholds from {result.rules}."] if result.rules else []),
        IN_TURNS if result.in_turns else MODE_MEANING[result.mode],
    ]


def side_name(side: SideTold) -> str:
    """A side as it was named, with its commit."""
    if not COMMIT.fullmatch(side.commit):  # where there is none it says why
        return side.name
    dirty = ", with changes not committed" if side.is_dirty else ""
    return f"{side.name} ({side.commit[:12]}{dirty})"


def remarks(result: GateResult) -> list[str]:
    """All that a reader must know beside the table: faults first."""
    lines = [f"{case.case_id}: {case_note(case)}" for case in result.cases if case.reason]
    lines += [count_line(change) for change in result.counts]
    lines += [lost_count_line(lost) for lost in result.lost_counts]
    lines += [unsteady_line(change) for change in result.unsteady]
    allowed = " (allowed)" if result.allow_missing else ""
    lines += [f"Missing in the candidate{allowed}: {one}" for one in result.missing]
    lines += [f"New in the candidate, not compared: {one}" for one in result.added]
    if result.plant is not None:
        lines.append(f"Planted: {result.planted} does {result.plant:g} times its work")
    lines += filter(None, (_other_settings(result), *_controls(result)))
    return [f"{line}." for line in lines]


def count_line(change: CountChange) -> str:
    """A count that differs, exactly."""
    return (
        f"{change.metric} of {change.case_id}: {_exactly(change.base)} -> "
        f"{_counted(change.metric, change.candidate)}, {COUNT_TITLES[change.has_risen]}"
    )


def lost_count_line(lost: CountLost) -> str:
    """A count that is not told any more, so that nobody knows whether it rose."""
    return (
        f"{lost.metric} of {lost.case_id}: {_counted(lost.metric, lost.base)} before, and the "
        "candidate does not tell it"
    )


def unsteady_line(change: CountChange) -> str:
    """A count that differs between two processes of the base."""
    figures = (_counted(change.metric, one) for one in (change.base, change.candidate))
    return (
        f"{change.metric} of {change.case_id}: {' and '.join(figures)} in two processes of the "
        "base, so that it is not held"
    )


def case_line(result: GateResult, case: GateCase) -> CaseLine:
    """The cells of a case, by the blocks that its verdict stands on."""
    change = case.decisive
    verdict = str(case.verdict) if case.verdict else f"({case.status})"
    if change is None:
        return CaseLine(case.case_id, *("-",) * 6, verdict, case_note(case))
    base, candidate = figures(change)
    show = SHOWN_AS[METRICS[result.metric].show]
    return CaseLine(
        case.case_id,
        show(base),
        show(candidate),
        f"{change.ratio:.3f}",
        "-" if change.low is None else f"{change.low:.3f}-{change.high:.3f}",
        f"{change.theta:.1%}",
        "-" if change.detectable is None else f"{change.detectable:.1%}",
        verdict,
        case_note(case),
    )


def case_note(case: GateCase) -> str:
    """Why a case has no verdict, or what blocks its verdict stands on."""
    if case.reason:
        return ending("" if case.status is Status.OK else case.status, case.reason)
    change = case.decisive
    new = "new " if case.is_suspect else ""
    return f"{change.blocks} {new}block{'' if change.blocks == 1 else 's'}" if change else ""


def figures(change: Change) -> tuple[float, float]:
    """Base and candidate over the blocks: their geometric means, whose ratio is the change."""
    base, candidate = zip(*change.pairs, strict=True)
    return geometric_mean(base), geometric_mean(candidate)


def false_alarms(result: GateResult) -> str:
    """How often this gate is wrong where nothing has changed, as measured."""
    rate = result.false_alarms
    if rate is None:
        kind = "of this gate" if result.mode == "interleaved" else f"in {result.mode} mode"
        return f"False alarms {kind} have not been measured on this kind of device."
    lines = [
        f"False alarms, measured on {rate.device} with suite {rate.suite}: {rate.red} of "
        f"{rate.judged} gates of unchanged code were red (95 %: at most {rate.upper_bound:.1%}); "
        f"{rate.ambiguous} ended AMBIGUOUS, and {rate.unreliable} more UNRELIABLE"
    ]
    if rate.failed:
        lines.append(f"{rate.failed} FAILED")
    if rate.without_verdict:
        lines.append(f"in {rate.without_verdict} a case had no verdict")
    return f"{', '.join(lines)}."


def _faults(result: GateResult) -> list[str]:
    """What made the outcome other than passed."""
    slower, risen = result.with_verdict(Verdict.REGRESSED), _risen(result)
    doubt = result.unreliable_because if slower else ""
    missing = () if result.allow_missing else result.gone
    failed = [case for case in result.cases if case.status in FAILED]
    told = []
    if slower and not doubt:
        worst = max(slower, key=lambda case: case.decisive.ratio if case.decisive else 0.0)
        ratio = worst.decisive.ratio if worst.decisive else math.nan
        told.append(
            f"{_number(len(slower), 'case')} slower, the most {worst.case_id}: x {ratio:.3f}"
        )
    if risen:
        told.append(f"{_number(len(risen), 'count')} rose, the first: {count_line(risen[0])}")
    if missing:
        told.append(f"{_number(len(missing), 'case')} missing, the first {missing[0]}")
    if result.lost_counts:
        number = _number(len(result.lost_counts), "count")
        told.append(f"{number} lost, the first: {lost_count_line(result.lost_counts[0])}")
    if failed:
        told.append(f"{failed[0].case_id}: {case_note(failed[0])}")
    if doubt:
        told.append(f"no time counts: {doubt}")
    if result.interrupted:
        told = [*filter(None, (result.broken_off,)), OUTCOME_MEANING[Outcome.INTERRUPTED], *told]
    return told


def _risen(result: GateResult) -> list[CountChange]:
    return [change for change in result.counts if change.has_risen]


def _controls(result: GateResult) -> list[str]:
    """What keeps the verdicts honest: the null control, the exact counts, what would be found."""
    lines = []
    if result.nulls:
        ratios = [null.change.ratio for null in result.nulls]
        cases = len({null.case_id for null in result.nulls})
        fired = [null for null in result.nulls if null.has_fired]
        far = max(ratios, key=lambda ratio: abs(math.log(ratio)))
        told = f"{len(fired)} fired" if fired else "silent"
        lines.append(
            f"Null control, one side against itself in {_number(cases, 'case')}: {told}, "
            f"the ratio farthest from 1 is {far:.3f}"
        )
    if result.counted and not result.counts:
        lines.append(f"Counts that have no noise are the same: {', '.join(result.counted)}")
    finds = [case.decisive.detectable for case in result.cases if case.decisive]
    told_finds = [one for one in finds if one is not None]
    if told_finds:
        all_told = len(told_finds) == len(finds)
        where = "any of the" if all_told else f"{len(told_finds)} of the {len(finds)}"
        lines.append(
            f"A slowdown of {max(told_finds):.1%} would have been found in {where} measured cases, "
            "four times in five"
        )
    return lines


def _other_settings(result: GateResult) -> str:
    """In what the environments of the two sides differ: a change of torch is a change too."""
    base, candidate = result.base.environment, result.candidate.environment
    told = difference(base, candidate) if base and candidate else ""
    return f"The sides differ in {told}" if told else ""


def _counted(metric: str, value: float) -> str:
    """A count with its unit, if it has one."""
    return f"{_exactly(value)} {METRICS[metric].unit.replace('1', '')}".rstrip()


def _exactly(value: float) -> str:
    return f"{value:,.0f}".replace(",", " ") if value == int(value) else repr(value)


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
