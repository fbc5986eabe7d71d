"""Leaderboards as Rich tables, legible at 80 columns."""

from collections.abc import Iterator

from rich import box
from rich.console import Group as Lines
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from sabench.records import MEASURED
from sabench.report.columns import columns, flag_letters, group_title, legend, remarks
from sabench.store.leaderboard import Leaderboard


def leaderboard_table(leaderboard: Leaderboard) -> RenderableType:
    """A heading, one table a group, the remarks and the legend of flags."""
    return Lines(*_parts(leaderboard))


def heading(leaderboard: Leaderboard) -> list[str]:
    """What was measured, on what, and how much it is worth."""
    lines = [f"{leaderboard.title} (suite {leaderboard.suite}, preset {leaderboard.preset.name})"]
    for device, environment in leaderboard.environments.items():
        version = environment.settings.get("torch", "unknown")
        lines.append(f"{device}: {environment.device_name}, torch {version}")
    if leaderboard.evidence == "smoke":
        lines.append(
            "One process a case: a look, not evidence. --preset standard for figures to keep."
        )
    if not leaderboard.is_complete:
        lines.append("Not complete: some jobs have not run.")
    return lines


def _parts(leaderboard: Leaderboard) -> Iterator[RenderableType]:
    first, *rest = heading(leaderboard)
    yield Text(first, style="bold")
    for line in rest:
        yield Text(line, style="dim")
    letters = flag_letters(leaderboard.rows)
    shown = columns(leaderboard, letters)
    for group, rows in leaderboard.groups():
        table = Table(
            box=box.SIMPLE_HEAD,
            title=Text(group_title(group, rows[0].case)),
            title_justify="left",
            title_style="bold",
            pad_edge=False,
            padding=(0, 1, 0, 0),
        )
        for column in shown:
            table.add_column(
                column.title,
                justify="left" if column.is_text else "right",
                overflow="fold",
                no_wrap=not column.is_text,
            )
        for row in rows:
            style = "" if row.status in MEASURED else "dim"
            table.add_row(*(Text(column.cell(row)) for column in shown), style=style)
        yield Text()
        yield table
    for line in remarks(leaderboard.rows):
        yield Text(line, style="yellow")
    for line in legend(letters):
        yield Text(line, style="dim")
    yield Text(
        "±: half of the 95 % interval over the median. =: not told apart from the best of "
        "its rank. x conv: time over the 3x3 convolution's.",
        style="dim",
    )
