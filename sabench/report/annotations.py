"""Workflow commands: what GitHub shows beside a step, and how to keep others from giving any."""

from sabench.compare.gate.result import GateResult, Outcome
from sabench.compare.pair import Verdict
from sabench.report import gate_words as words
from sabench.report.plain import plain

MOST = 10
"""GitHub shows no more of a level and step."""

LEVELS = {
    Outcome.PASSED: "notice",
    Outcome.REGRESSED: "error",
    Outcome.FAILED: "error",
    Outcome.UNRELIABLE: "warning",
    Outcome.INTERRUPTED: "warning",
}


def gate_annotations(result: GateResult) -> list[str]:
    """One line a fault, the outcome first."""
    outcome = result.outcome
    level = LEVELS[outcome]
    told = [(level, "sabench gate", words.headline(result))]
    regressed = [] if result.unreliable_because else result.with_verdict(Verdict.REGRESSED)
    for case in regressed:
        line = words.case_line(result, case)
        told.append(
            (
                "error",
                f"slower: {case.case_id}",
                f"{line.base} -> {line.candidate}, x {line.ratio} (99 %: {line.interval})",
            )
        )
    for change in result.counts:
        if change.has_risen:
            told.append(("error", f"more work: {change.case_id}", words.count_line(change)))
    if not result.allow_missing:
        told += [("error", f"missing: {one}", "not in the candidate") for one in result.missing]
        lost = [case for case in result.cases if case.is_lost]
        told += [("error", f"missing: {one.case_id}", words.case_note(one)) for one in lost]
    for gone in result.lost_counts:
        told.append(("error", f"not counted: {gone.case_id}", words.lost_count_line(gone)))
    for case in result.with_verdict(Verdict.AMBIGUOUS):
        told.append(("notice", f"not settled: {case.case_id}", words.case_note(case)))
    shown = [annotation(*one) for one in told[:MOST]]
    if len(told) > MOST:
        shown.append(annotation("notice", "sabench gate", f"{len(told) - MOST} more in the table"))
    return shown


def annotation(level: str, title: str, message: str) -> str:
    """A workflow command. Its data cannot end the line, nor its title the list of properties.

    Source: docs.github.com, workflow commands; the escapes are those of actions/toolkit.
    """
    name = _data(title).replace(":", "%3A").replace(",", "%2C")
    return f"::{level} title={name}::{_data(message)}"


def stop_commands(token: str) -> str:
    """From here on GitHub obeys nothing but `resume_commands` of the same token."""
    return f"::stop-commands::{token}"


def resume_commands(token: str) -> str:
    """GitHub obeys again."""
    return f"::{token}::"


def _data(text: str) -> str:
    return plain(text).replace("%", "%25")
