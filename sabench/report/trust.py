"""What `sabench ranks` shows: as a table and as Markdown."""

from collections.abc import Iterator
from dataclasses import dataclass

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table
from rich.text import Text

from sabench.compare.trust.choice import Choice
from sabench.compare.trust.judging import Judgement
from sabench.report import trust_words as words
from sabench.report.markdown import escape, table_row
from sabench.report.plain import plain
from sabench.report.tables import Label


@dataclass(frozen=True, slots=True)
class TrustTable:
    """The truth, its ceiling, a row an indicator, the choice on one half, the legend."""

    judgement: Judgement
    choice: Choice | str

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        """The parts, fitted to the width there is."""
        first, *rest = words.heading(self.judgement)
        yield Text(plain(first), style="bold", overflow="fold")
        for line in rest:
            yield Text(plain(line))
        yield Text()
        yield self._table()
        yield Text()
        for line in words.choice_lines(self.choice):
            yield Text(plain(line))
        for line in words.remarks(self.judgement):
            yield Text(plain(line), style="yellow", overflow="fold")
        for line in words.LEGEND:
            yield Text(line, style="dim")

    def _table(self) -> Table:
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
        table.add_column(words.COLUMNS[0], overflow="fold")
        for title in words.COLUMNS[1:]:
            table.add_column(title, justify="right", no_wrap=True)
        for trust in self.judgement.trusts:
            name, *figures = words.cells(self.judgement, trust)
            table.add_row(Label(plain(name)), *map(Text, figures))
        return table


def trust_markdown(judgement: Judgement, choice: Choice | str) -> str:
    """The same as Markdown."""
    return "\n".join(_markdown(judgement, choice)) + "\n"


def _markdown(judgement: Judgement, choice: Choice | str) -> Iterator[str]:
    first, *rest = words.heading(judgement)
    yield from (f"# {escape(first)}", "")
    yield from (escape(line) for line in rest)
    yield from ("", table_row(list(words.COLUMNS)))
    yield table_row([":--", *["--:"] * (len(words.COLUMNS) - 1)])
    for trust in judgement.trusts:
        yield table_row([escape(cell) for cell in words.cells(judgement, trust)])
    yield ""
    lines = [*words.choice_lines(choice), *words.remarks(judgement), *words.LEGEND]
    yield from (f"- {escape(line)}" for line in lines)
