"""What `sabench verify` shows: published figures, ours beside them, and why they differ."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Any

from rich.console import Console, ConsoleOptions, JustifyMethod, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from sabench.cases.case import show_scalar
from sabench.papers.rows import Figure, Paper, Row, load_paper, resolution_of
from sabench.papers.verify import MEANING, Built, Checked, Compared, Verdict, tally
from sabench.report.plain import plain

Results = Mapping[str, Sequence[Checked]]
"""The checked rows of each paper by its name."""

STYLES = {
    Verdict.WITHIN: "green",
    Verdict.EXPLAINED: "cyan",
    Verdict.UNCERTAIN: "yellow",
    Verdict.WRONG: "bold red",
    Verdict.NOT_BUILT: "dim",
}
MARKS = {Verdict.EXPLAINED: "~", Verdict.UNCERTAIN: "?", Verdict.WRONG: "!"}
POSITIONS = {
    "pairs": "q.r is one product for each query and key",
    "tables": "q.r is one product for each query and row of the tables",
    "none": "q.r is not counted",
}


def count_command(row: Row) -> str:
    """The command that counts a row's network."""
    pairs = [f"{key}={show_scalar(value)}" for key, value in row.options.items()]
    side = [f"--resolution {resolution_of(row)}"] if row.resolution else []
    return " ".join(("sabench count", row.network, *pairs, *side))


def any_wrong(results: Results, built: Sequence[Built]) -> bool:
    """Whether a figure is wrong, or a module has other parameters than its closed form."""
    verdicts = {checked.verdict for rows in results.values() for checked in rows}
    return Verdict.WRONG in verdicts or not all(one.agrees for one in built)


def verify_json(results: Results, built: Sequence[Built] | None) -> dict[str, Any]:
    """Every row with its figures, how many have each verdict, and what was built."""
    told: dict[str, Any] = {
        "papers": {name: _paper_json(load_paper(name), rows) for name, rows in results.items()},
        "counts": _counts([row for rows in results.values() for row in rows]),
    }
    if built is not None:
        told["built"] = [
            {
                "command": count_command(one.row),
                "params_closed": one.closed,
                "params_built": one.built,
                "agrees": one.agrees,
            }
            for one in built
        ]
    return told


def _paper_json(paper: Paper, rows: Sequence[Checked]) -> dict[str, Any]:
    return {
        "title": paper.title,
        "source": paper.source,
        "convention": paper.convention,
        "positions": paper.positions,
        "left_out": paper.left_out,
        "rows": [_row_json(checked, paper) for checked in rows],
        "counts": _counts(rows),
        "rows_without_figures": _without_figures(paper),
    }


def _row_json(checked: Checked, paper: Paper) -> dict[str, Any]:
    row = checked.row
    return {
        "table": row.table,
        "row": row.row,
        "network": row.network or None,
        "options": row.options,
        "resolution": resolution_of(row) if row.network else row.resolution,
        "command": count_command(row) if row.network else None,
        "convention": row.convention if row.flops_b else None,
        "params_m": _figure_json(row.params_m, checked.params),
        "flops_b": _figure_json(row.flops_b, checked.flops),
        "top1": row.top1,
        "ap": row.ap,
        "confidence": row.confidence,
        "verdict": checked.verdict.value,
        "note": paper.notes.get(row.note, row.not_built),
    }


def _figure_json(figure: Figure | None, compared: Compared | None) -> dict[str, Any] | None:
    if figure is None:
        return None
    if compared is None:
        return {"published": figure.printed, "verdict": Verdict.NOT_BUILT.value}
    return {
        "published": figure.printed,
        "ours": float(compared.ours),
        "difference": compared.difference,
        "verdict": compared.verdict.value,
        "reason": compared.reason,
    }


def _counts(rows: Sequence[Checked]) -> dict[str, int]:
    return {"rows": len(rows)} | {verdict.value: n for verdict, n in tally(rows).items()}


def _without_figures(paper: Paper) -> int:
    return sum(not row.has_figures for row in paper.rows)


@dataclass(frozen=True, slots=True)
class VerifyTable:
    """A paper after the other: its convention, its rows, the numbered notes; then the counts."""

    results: Results
    built: Sequence[Built] | None = None

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        """The parts, fitted to the width there is."""
        for name, rows in self.results.items():
            paper = load_paper(name)
            notes = _Notes(paper)
            yield Text(f"{paper.title}, {paper.source}", style="bold")
            yield Text(_convention(paper), style="dim")
            yield Text(plain(paper.left_out), style="dim")
            yield Text()
            yield _heads()
            for table, group in groupby(rows, key=lambda checked: checked.row.table):
                yield Text(f"\n{plain(table)}", style="bold")
                yield _table(group, notes)
            yield Text()
            yield from notes.lines()
            yield Text(f"{name}: {told_counts(rows)}{_others(paper)}", style="bold")
            yield Text()
        yield from _legend()
        if len(self.results) > 1:
            everything = [row for rows in self.results.values() for row in rows]
            yield Text(f"all: {told_counts(everything)}", style="bold")
        if self.built is not None:
            yield from _built_lines(self.built)


def told_counts(rows: Sequence[Checked]) -> str:
    """`29 rows: 20 within, 5 explained, ...`: every verdict with its number."""
    counted = ", ".join(f"{n} {verdict.value}" for verdict, n in tally(rows).items())
    return f"{len(rows)} rows: {counted}."


def _others(paper: Paper) -> str:
    others = _without_figures(paper)
    return f" {others} more have neither parameters nor FLOPs." if others else ""


class _Notes:
    """The reasons and remarks of a paper, numbered in the order in which rows need them."""

    def __init__(self, paper: Paper) -> None:
        self.paper = paper
        self.numbers: dict[str, int] = {}

    def of(self, checked: Checked) -> str:
        """The numbers of a row's notes."""
        compared = [one.reason for one in (checked.params, checked.flops) if one]
        row = checked.row
        wanted = [*compared, self.paper.notes.get(row.note, "")]
        if row.not_built:
            wanted.append(f"{row.not_built} is not among the layers and networks here.")
        needed = dict.fromkeys(text for text in wanted if text)
        return " ".join(
            str(self.numbers.setdefault(text, len(self.numbers) + 1)) for text in needed
        )

    def lines(self) -> Iterator[RenderableType]:
        """Every note that was needed, by its number."""
        for text, number in self.numbers.items():
            grid = Table.grid(padding=(0, 1, 0, 0))
            grid.add_column(justify="right", width=2)
            grid.add_column(overflow="fold")
            grid.add_row(Text(str(number)), Text(plain(text)))
            yield grid


def _convention(paper: Paper) -> str:
    if paper.convention is None:
        return "It prints no FLOPs of networks."
    return f"Its FLOPs are {paper.convention}; {POSITIONS[paper.positions]}."


COLUMNS = (
    *(("M", 4), ("ours", 6), ("off", 7), ("B", 6), ("ours", 7), ("off", 7)),
    *(("verdict", 9), ("notes", 5)),
)


def _heads() -> Table:
    """The columns' titles, of the width that every table below has."""
    table = _columns()
    table.add_row("", *(title for title, _ in COLUMNS), style="dim")
    return table


def _columns() -> Table:
    table = Table.grid(padding=(0, 1, 0, 0), expand=True)
    table.add_column(overflow="fold", ratio=1)
    for title, width in COLUMNS:
        justify: JustifyMethod = "left" if title in ("verdict", "notes") else "right"
        table.add_column(justify=justify, width=width, no_wrap=True)
    return table


def _table(rows: Iterable[Checked], notes: _Notes) -> Table:
    table = _columns()
    for checked in rows:
        row = checked.row
        table.add_row(
            Text(plain(row.row)),
            *_cells(row.params_m, checked.params, 3),
            *_cells(row.flops_b, checked.flops, None),
            Text(checked.verdict.value, style=STYLES[checked.verdict]),
            notes.of(checked),
        )
    return table


def _cells(
    figure: Figure | None, compared: Compared | None, decimals: int | None
) -> tuple[Text, Text, Text]:
    """Printed, ours with one decimal more than it (or with `decimals`), difference and mark."""
    if figure is None:
        return Text(), Text(), Text()
    if compared is None:
        return Text(figure.printed), Text("-"), Text("- ")
    exponent = figure.value.as_tuple().exponent
    assert isinstance(exponent, int)
    places = decimals if decimals is not None else 1 - exponent
    ours = compared.ours.quantize(Decimal(1).scaleb(-places))
    mark = MARKS.get(compared.verdict, " ")
    style = STYLES[compared.verdict]
    off = f"{compared.difference:+.1%}".replace("-0.0%", "0.0%").replace("+0.0%", "0.0%")
    return Text(figure.printed), Text(str(ours)), Text(f"{off}{mark}", style=style)


def _legend() -> Iterator[Text]:
    yield Text(
        "M: million parameters, B: thousand million FLOPs, as printed; off: ours over the printed "
        "figure, less one.",
        style="dim",
    )
    for verdict, meaning in MEANING.items():
        mark = f" ({MARKS[verdict]})" if verdict in MARKS else ""
        yield Text(f"{verdict.value}{mark}: {meaning}.", style="dim")


def _built_lines(built: Sequence[Built]) -> Iterator[RenderableType]:
    wrong = [one for one in built if not one.agrees]
    agree = len(built) - len(wrong)
    yield Text(f"{len(built)} networks were built; {agree} have the closed form's parameters.")
    for one in wrong:
        told = f"{count_command(one.row)}: {one.closed:,} in closed form, {one.built:,} built"
        yield Padding(Text(told, style=STYLES[Verdict.WRONG]), (0, 0, 0, 2))
