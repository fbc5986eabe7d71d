"""Leaderboards as Rich tables, legible at 80 columns and below."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from sabench.catalog.scores import ASKED
from sabench.measure.fake_script import is_made_up
from sabench.records import MEASURED, Flag
from sabench.report.agreement import agreement_line
from sabench.report.columns import Column, columns, group_title
from sabench.report.legend import flag_letters, legend, remarks
from sabench.report.plain import plain
from sabench.report.trainings import recipe_line, untrusted
from sabench.store.agreement import agreements
from sabench.store.leaderboard import Leaderboard, Row
from sabench.store.surroundings import Surroundings

NARROWEST_LABEL = 16
LONGEST_WORD = 32  # of a label, that the spare columns make room for
WORD_ENDS = re.compile(r"(?<=[ ,])")
SEEN_CORES = 0.005  # less is shown as nothing


def heading(leaderboard: Leaderboard) -> list[str]:
    """What was measured, on what, and how much it is worth."""
    lines = [f"{leaderboard.title} (suite {leaderboard.suite}, preset {leaderboard.preset.name})"]
    for device, environment in leaderboard.environments.items():
        version = environment.settings.get("torch", "unknown")
        lines.append(f"{device}: {environment.device_name}, torch {version}")
    if is_made_up(row.case for row in leaderboard.rows):
        lines.append("Made up: runtime fake took the figures from a script; they measure nothing.")
    if leaderboard.recipe is not None:
        lines.append(recipe_line(leaderboard))
    elif leaderboard.evidence == "smoke":
        lines.append(
            "One process a case: a look, not evidence. --preset standard for figures to keep."
        )
    lines += leaderboard.notes or untrusted(leaderboard)
    if leaderboard.is_of_best:
        lines.append(
            "Of each layer its best implementation; behind it those not told apart from it."
        )
    if leaderboard.surroundings is not None:
        not_pinned = any(Flag.NOT_PINNED in row.flags for row in leaderboard.rows)
        is_read = leaderboard.preset.slow_core > 0 and not not_pinned
        looked = is_read or "cpu" not in leaderboard.environments
        lines.append(how_quiet(leaderboard.surroundings, looked_at_cores=looked))
    if not leaderboard.is_complete:
        lines.append("Not complete: some jobs have not run.")
    return lines


def how_quiet(beside: Surroundings, *, looked_at_cores: bool = True) -> str:
    """What ran beside the jobs, in one line; what did not happen is left out.

    `looked_at_cores`: whether it was read what shares a core and shows in no counter.
    """
    words = [
        f"Beside it ran {beside.foreign_cores:.2f} cores of other work (median), "
        f"{beside.foreign_cores_most:.2f} at most"
    ]
    if beside.rejected_blocks:
        words.append(f"{beside.rejected_blocks:.1%} of the timing blocks were thrown away")
    if beside.stolen_cores_most >= SEEN_CORES:
        words.append(f"a hypervisor took up to {beside.stolen_cores_most:.2f} cores")
    if beside.throttled_periods:
        words.append(f"its CPU quota stopped it in {beside.throttled_periods} periods")
    if beside.rejected_blocks is not None and not looked_at_cores:
        words.append("whether another machine shared its cores was not read")
    return "; ".join(words) + "."


@dataclass(frozen=True, slots=True)
class LeaderboardTable:
    """A heading, one table a group, the remarks and the legend of flags."""

    leaderboard: Leaderboard

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        """The parts, fitted to the width there is."""
        first, *rest = heading(self.leaderboard)
        yield Text(plain(first), style="bold")
        for line in rest:
            yield Text(plain(line), style="dim")
        letters = flag_letters(self.leaderboard.rows)
        table = columns(self.leaderboard, letters)
        shown = _fitting(table, self.leaderboard.rows, options)
        told = agreements(self.leaderboard)
        for group, rows in self.leaderboard.groups():
            yield Text()
            yield Text(plain(group_title(group, rows[0].case)), style="bold")
            yield _table(shown, rows)
            for one in told:
                if one.group == group:
                    yield Text(agreement_line(one))
        yield Text()
        for line in remarks(self.leaderboard.rows):
            yield Text(plain(line), style="yellow", overflow="fold")
        for line in (*_left_out(table, shown), *legend(self.leaderboard, letters)):
            yield Text(plain(line), style="dim")


@dataclass(frozen=True, slots=True)
class Label:
    """Text that is folded after spaces and commas, and within a word only if it is too wide."""

    text: str

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        """Its lines, fitted to the width there is."""
        lines = [""]
        for word in WORD_ENDS.split(self.text):
            if lines[-1] and cell_len((lines[-1] + word).rstrip()) > options.max_width:
                lines.append("")
            lines[-1] += word
        yield Text("\n".join(line.rstrip() for line in lines), overflow="fold")

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """One column at least; one line at most."""
        return Measurement(1, max(1, cell_len(self.text)))


def _table(shown: Sequence[Column], rows: Sequence[Row]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for column in shown:
        table.add_column(
            column.title,
            justify="left" if column.is_text else "right",
            overflow="fold",
            no_wrap=not column.is_text,
        )
    for row in rows:
        style = "" if row.status in MEASURED else "dim"
        cells = [(Label if column.is_text else Text)(plain(column.cell(row))) for column in shown]
        table.add_row(*cells, style=style)
    return table


def _left_out(table: Sequence[Column], shown: Sequence[Column]) -> Iterator[str]:
    """Scores that were asked for, and for which the terminal has no room."""
    names = [column.title for column in table if column not in shown and column.title in ASKED]
    if names:
        yield f"No room for {', '.join(names)}: a wider terminal, --csv or --markdown."


def _fitting(
    table: Sequence[Column], rows: Sequence[Row], options: ConsoleOptions
) -> Sequence[Column]:
    """The columns that leave room for the label; the rightmost spare one goes first."""
    shown = list(table)
    words = [
        cell_len(word.rstrip())
        for column in shown
        if column.is_text
        for row in rows
        for word in WORD_ENDS.split(column.cell(row))
    ]
    label = max([NARROWEST_LABEL, *(width for width in words if width <= LONGEST_WORD)])
    while spare := [column for column in shown if column.spare]:
        taken = sum(
            2 + max(len(column.title), *(len(column.cell(row)) for row in rows))
            for column in shown
            if not column.is_text
        )
        if taken + label <= options.max_width:
            break
        shown.remove(spare[-1])
    return shown
