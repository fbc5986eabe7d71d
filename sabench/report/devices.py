"""A comparison of devices on a terminal, as Markdown and as JSON."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table
from rich.text import Text

from sabench.catalog.metrics import METRICS
from sabench.compare.crossover import MOST
from sabench.compare.devices import DeviceComparison, GroupOnSides
from sabench.compare.join import Side
from sabench.compare.pair import CONFIDENCE, Effect
from sabench.report.device_sheets import MOST_CONTESTS, Sheet, Sheets
from sabench.report.device_words import heading, legend, letter, remarks
from sabench.report.markdown import escape, table_row
from sabench.report.plain import plain
from sabench.report.tables import Label

NARROWEST_TEXT = 18  # columns that a cell of text is left


@dataclass(frozen=True, slots=True)
class DevicesTable:
    """The sides, a table for each thing that is told, the remarks, what the columns mean."""

    comparison: DeviceComparison

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        """The parts, fitted to the width there is."""
        first, *rest = heading(self.comparison)
        yield Text(plain(first), style="bold", overflow="fold")
        for line in rest:
            yield Text(plain(line), style="dim", overflow="fold")
        for sheet in Sheets(self.comparison):
            yield Text()
            yield Text(plain(sheet.title), style="bold", overflow="fold")
            yield _table(sheet, options.max_width)
        yield Text()
        for line in _told_last(self.comparison):
            yield Text(plain(line), style="yellow", overflow="fold")
        for line in legend(self.comparison):
            yield Text(plain(line), style="dim", overflow="fold")


def devices_markdown(told: DeviceComparison) -> str:
    """The same tables, a section each."""
    first, *rest = heading(told)
    lines = [f"# {escape(first)}", "", *(f"- {escape(line)}" for line in rest)]
    for sheet in Sheets(told):
        lines += ["", f"## {escape(sheet.title)}", ""]
        lines.append(table_row([escape(head.title) for head in sheet.heads]))
        lines.append(table_row([":--" if head.is_text else "--:" for head in sheet.heads]))
        lines += [table_row([escape(cell) for cell in row]) for row in sheet.rows]
    lines += ["", *(f"- {escape(line)}" for line in [*_told_last(told), *legend(told)])]
    return "\n".join(lines).rstrip() + "\n"


def devices_json(told: DeviceComparison) -> dict[str, Any]:
    """Everything that is told and what stands behind it; sides by their place."""
    return {
        "metric": told.metric,
        "unit": METRICS[told.metric].unit,
        "better": METRICS[told.metric].better,
        "across": list(told.across),
        "confidence": {"gains": CONFIDENCE, "overall": 0.95, "tau": 0.95, "noise": 0.95},
        "sides": [_side(side, place) for place, side in enumerate(told.sides)],
        "groups": [_group(group, told.metric) for group in told.groups],
        "together": _rankings(told.together) if told.together else None,
        "overall": [asdict(one) if one else None for one in told.overall],
        "crossovers": [asdict(one) for one in told.contests],
        "alone": {key: list(places) for key, places in told.alone.items()},
    }


def _side(side: Side, place: int) -> dict[str, Any]:
    return {
        "letter": letter(place),
        "name": side.name,
        "device": side.device,
        "device_kind": side.environment.device_kind,
        "device_name": side.environment.device_name,
        "environment": side.environment.id,
        "suite": side.leaderboard.suite,
        "preset": side.leaderboard.preset.name,
        "evidence": side.leaderboard.evidence,
        "same_run_as": side.same_run_as or None,
    }


def _group(group: GroupOnSides, metric: str) -> dict[str, Any]:
    cases = [
        {
            "case_id": case.key,
            "sides": [
                {
                    "case_id": row.case_id if row else None,
                    "status": row.status.value if row else None,
                    "median": row.median(metric) if row else None,
                    "reason": reason,
                }
                for row, reason in zip(case.rows, case.reasons, strict=True)
            ],
            "gains": [_effect(gain) for gain in case.gains],
        }
        for case in group.cases
    ]
    standings = [
        asdict(one) | {"lead": _effect(one.lead)} if one else None for one in group.standings
    ]
    return {"group": group.group, "cases": cases, "standings": standings, **_rankings(group)}


def _rankings(group: GroupOnSides) -> dict[str, Any]:
    return {
        "rankings": [
            {"sides": list(sides), **asdict(one)}
            for sides, one in group.rankings.items()
            if one is not None
        ],
        "macs": [asdict(one) if one else None for one in group.macs],
    }


def _effect(gain: Effect | None) -> dict[str, Any] | None:
    if gain is None:
        return None
    low, high = gain.interval or (None, None)
    return {"times": gain.ratio, "low": low, "high": high, "processes": list(gain.processes)}


def _told_last(told: DeviceComparison) -> list[str]:
    more = len(told.contests) - MOST_CONTESTS
    found = [f"... and {more} more pairs that cross: --json has them."] if more > 0 else []
    if len(told.contests) == MOST:
        found.append(f"Pairs after the first {MOST} were not looked for.")
    return [*remarks(told), *found]


def _table(sheet: Sheet, width: int) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    shown = _fitting(sheet, width)
    for place in shown:
        head = sheet.heads[place]
        table.add_column(
            head.title,
            justify="left" if head.is_text else "right",
            overflow="fold",
            no_wrap=not head.is_text,
        )
    for row in sheet.rows:
        cells = [(place, plain(row[place])) for place in shown]
        table.add_row(
            *(Label(cell) if sheet.heads[place].is_text else Text(cell) for place, cell in cells)
        )
    return table


def _fitting(sheet: Sheet, width: int) -> list[int]:
    """The columns that leave room for the text."""
    shown = list(range(len(sheet.heads)))
    widths = [
        NARROWEST_TEXT
        if head.is_text
        else max(cell_len(head.title), *(cell_len(row[place]) for row in sheet.rows), 0)
        for place, head in enumerate(sheet.heads)
    ]
    for spare in sorted({head.spare for head in sheet.heads} - {0}):
        if sum(widths[place] + 1 for place in shown) <= width:
            break
        shown = [place for place in shown if sheet.heads[place].spare != spare]
    return shown
