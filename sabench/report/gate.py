"""What `sabench gate` shows on a terminal and as JSON."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table
from rich.text import Text

from sabench.compare.gate.result import GateResult, Outcome
from sabench.report import gate_words as words
from sabench.report.compare import STYLES as VERDICT_STYLES
from sabench.report.plain import plain
from sabench.report.tables import Label

STYLES = {
    Outcome.PASSED: "bold green",
    Outcome.REGRESSED: "bold red",
    Outcome.UNRELIABLE: "bold yellow",
    Outcome.FAILED: "bold red",
    Outcome.INTERRUPTED: "bold yellow",
}
COLUMNS = ("base", "now", "ratio", "99 %", "finds")


@dataclass(frozen=True, slots=True)
class GateTable:
    """The outcome, what was compared, a row a case, and what to know beside it."""

    result: GateResult

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        """The parts, fitted to the width there is."""
        result = self.result
        yield Text(plain(words.headline(result)), style=STYLES[result.outcome], overflow="fold")
        for line in words.setting(result):
            yield Text(plain(line), style="dim", overflow="fold")
        yield Text()
        yield _table(result)
        yield Text(words.tally(result), style="bold")
        for line in words.remarks(result):
            yield Text(plain(line), overflow="fold")
        yield Text(words.LEGEND, style="dim")
        yield Text(plain(words.false_alarms(result)), style="dim", overflow="fold")


def gate_json(result: GateResult, *, strict: bool) -> dict[str, Any]:
    """The result as its file keeps it, and what follows from it."""
    return {
        "outcome": result.outcome.value,
        "exit_code": int(result.exit_code(strict=strict)),
        "unreliable_because": result.unreliable_because,
        **result.model_dump(mode="json", by_alias=True),
    }


def _table(result: GateResult) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("case", overflow="fold")
    for title in COLUMNS:
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for case in result.cases:
        line = words.case_line(result, case)
        figures = (line.base, line.candidate, line.ratio, line.interval, line.finds)
        style = VERDICT_STYLES[case.verdict] if case.verdict else "dim"
        cells = map(Text, figures)
        table.add_row(Label(plain(line.case_id)), *cells, Text(line.verdict, style=style))
    return table
