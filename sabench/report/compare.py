"""What `sabench compare` shows of two results of one device: as a table and as JSON."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table
from rich.text import Text

from sabench.compare.pair import Verdict
from sabench.compare.runs import Compared, Comparison, Overall
from sabench.errors import ExitCode
from sabench.report import compare_words as words
from sabench.report.plain import plain
from sabench.report.tables import Label

STYLES = {
    Verdict.REGRESSED: "bold red",
    Verdict.IMPROVED: "green",
    Verdict.SAME: "",
    Verdict.AMBIGUOUS: "yellow",
    Verdict.CLOCK_SUSPECT: "magenta",
}


@dataclass(frozen=True, slots=True)
class ComparisonTable:
    """What was compared, a table a group, what only one side has, the verdicts counted."""

    comparison: Comparison

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        """The parts, fitted to the width there is."""
        told = self.comparison
        first, *rest = words.heading(told)
        yield Text(plain(first), style="bold", overflow="fold")
        for line in rest:
            yield Text(plain(line), style="dim", overflow="fold")
        names = words.labels(told)
        shown = words.foremost(told)
        for title, cases in words.groups(shown):
            yield Text()
            yield Text(plain(title), style="bold")
            yield _table(told, cases, names)
        yield Text()
        remarks = words.remarks(told)
        for line in remarks[: words.MOST_SHOWN]:
            yield Text(plain(line), style="yellow", overflow="fold")
        for number, what in (
            (len(told.cases) - len(shown), "cases"),
            (len(remarks) - words.MOST_SHOWN, "remarks"),
        ):
            if number > 0:
                yield Text(f"{number} more {what}: --json and --markdown have them all.")
        yield Text(words.tally(told), style="bold")
        for line in words.legend(told):
            yield Text(line, style="dim")


def comparisons_json(comparisons: Sequence[Comparison], code: ExitCode) -> dict[str, Any]:
    """The same in base units, ratios as fractions; what is not known is null."""
    return {"comparisons": [_comparison(told) for told in comparisons], "exit_code": int(code)}


def _comparison(told: Comparison) -> dict[str, Any]:
    return {
        "base": {"name": told.base.name, "device": told.base.device},
        "new": {"name": told.new.name, "device": told.new.device},
        "same_run_as": told.new.same_run_as or None,
        "device_name": told.new.environment.device_name,
        "preset": told.new.leaderboard.preset.name,
        "metric": told.metric,
        "judged": told.judged,
        "verdicts": {verdict.value: len(told.with_verdict(verdict)) for verdict in Verdict},
        "geometric_mean": overall_json(told.overall),
        "missing": list(told.missing),
        "added": list(told.added),
        "cases": [_case(told, case) for case in told.cases],
    }


def overall_json(overall: Overall | None) -> dict[str, Any] | None:
    """The geometric mean over cases with its 95 % interval."""
    if overall is None:
        return None
    return {
        "ratio": overall.ratio,
        "low": overall.low,
        "high": overall.high,
        "cases": overall.cases,
    }


def _case(told: Comparison, case: Compared) -> dict[str, Any]:
    item: dict[str, Any] = {
        "case_id": case.key,
        "base": case.base.median(told.metric),
        "new": case.new.median(told.metric),
        "status": {"base": case.base.status.value, "new": case.new.status.value},
        "verdict": case.verdict.value if case.verdict else None,
        "reason": case.reason,
    }
    if case.effect is None:
        return item
    interval = case.effect.interval or (None, None)
    low, high = (one if one is None or math.isfinite(one) else None for one in interval)
    return item | {
        "ratio": case.effect.ratio if math.isfinite(case.effect.change) else None,
        "low": low,
        "high": high,
        "theta": case.effect.theta_share,
        "detectable": words.finds_of(told, case.effect),
        "processes": list(case.effect.processes),
        "processes_needed": case.needed,
    }


def _table(told: Comparison, cases: list[Compared], names: dict[str, str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(words.COLUMNS[0], overflow="fold")
    for title in words.COLUMNS[1:-1]:
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column(words.COLUMNS[-1], no_wrap=True)
    for case in cases:
        *figures, verdict = words.cells(told, case)
        style = STYLES[case.verdict] if case.verdict else "dim"
        table.add_row(
            Label(plain(names[case.key])), *map(Text, figures), Text(plain(verdict), style=style)
        )
    return table
