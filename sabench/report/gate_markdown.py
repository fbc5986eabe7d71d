"""A gate as Markdown: for a file, and for the summary of a step on GitHub."""

from collections.abc import Iterable
from dataclasses import astuple

from sabench.compare.gate.result import GateCase, GateResult
from sabench.compare.pair import Verdict
from sabench.report import gate_words as words
from sabench.report.markdown import code, escape, table_row

SETTLED = (Verdict.SAME, Verdict.IMPROVED)
TITLES = ("case", "base", "now", "ratio", "99 %", "counts from", "finds", "verdict", "by")
SUMMARY_BYTES = 1 << 20
"""GitHub shows nothing of a step's summary that is larger."""


def gate_markdown(result: GateResult) -> str:
    """The outcome, what wants a look, the rest folded away, and what to know beside it."""
    lines = ["## sabench gate", "", f"**{result.outcome}**: {escape(words.because(result))}", ""]
    lines += [f"- {escape(line)}" for line in words.setting(result)]
    lines += ["", f"**{escape(words.tally(result))}**"]
    open_cases = [case for case in result.cases if case.verdict not in SETTLED]
    settled = [case for case in result.cases if case.verdict in SETTLED]
    if open_cases:
        lines += ["", *_table(result, open_cases)]
    if settled:
        told = f"{len(settled)} faster or the same"
        lines += ["", "<details>", f"<summary>{told}</summary>", ""]
        lines += [*_table(result, settled), "", "</details>"]
    lines += [""] + [f"- {escape(line)}" for line in words.remarks(result)]
    lines += [f"- {escape(line)}" for line in (words.LEGEND, words.false_alarms(result))]
    return "\n".join(lines) + "\n"


def step_summary(text: str, most: int = SUMMARY_BYTES) -> str:
    """The Markdown, or as many of its lines as GitHub takes."""
    if len(text.encode()) <= most:
        return text
    end = "\n\nCut here: the rest is longer than GitHub shows. The gate's own files have it all.\n"
    kept = text.encode()[: most - len(end.encode())].decode(errors="ignore")
    return kept.rpartition("\n")[0] + end


def _table(result: GateResult, cases: Iterable[GateCase]) -> list[str]:
    rows = [table_row(TITLES), table_row([":--", *["--:"] * 6, ":--", ":--"])]
    for case in cases:
        name, *cells = astuple(words.case_line(result, case))
        rows.append(table_row([code(name), *map(escape, cells)]))
    return rows
