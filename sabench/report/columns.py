"""What the cells of a leaderboard say, for every way of showing it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sabench.cases.case import Case, Scalar, show_scalar
from sabench.catalog.metrics import METRICS
from sabench.records import FLAG_MEANING, MEASURED, Flag
from sabench.store.leaderboard import Group, Leaderboard, Row
from sabench.units import show_bytes, show_count, show_time

SHOWN_AS: dict[str, Callable[[float], str]] = {
    "time": show_time,
    "count": show_count,
    "bytes": show_bytes,
    "rate": lambda value: f"{show_count(value)}/s",
    "number": lambda value: f"{value:.3g}",
}

TITLES = {
    "latency": "latency",
    "throughput": "images",
    "macs": "MACs",
    "params": "params",
    "peak_allocated": "memory",
}
"""Metrics that get a column, with the heading that fits over its cells."""


@dataclass(frozen=True, slots=True)
class Column:
    """A heading and what stands under it."""

    title: str
    cell: Callable[[Row], str]
    is_text: bool = False


def columns(leaderboard: Leaderboard, letters: dict[Flag, str]) -> list[Column]:
    """The columns that this leaderboard fills: place, case, ranking metric, then what else is."""
    table = [
        Column("#", _place),
        Column("layer" if _has_layers(leaderboard) else "network", _label_of(leaderboard), True),
        Column(TITLES.get(leaderboard.rank_by, leaderboard.rank_by), _metric(leaderboard.rank_by)),
        Column("±", _precision_of(leaderboard.rank_by)),
    ]
    if any(row.relative is not None for row in leaderboard.rows):
        table.append(Column("x conv", _relative))
    present = {name for row in leaderboard.rows for name, f in row.figures.items() if f.median}
    table += [
        Column(title, _metric(name))
        for name, title in TITLES.items()
        if name in present and name != leaderboard.rank_by and name in _wanted(leaderboard)
    ]
    if letters:
        table.append(Column("flags", lambda row: "".join(letters[flag] for flag in row.flags)))
    return table


def flag_letters(rows: Sequence[Row]) -> dict[Flag, str]:
    """A letter for each flag that stands in these rows, in the order of their declaration."""
    present = {flag for row in rows for flag in row.flags}
    return dict(zip((flag for flag in Flag if flag in present), "abcdefghijklmnop", strict=False))


def legend(letters: dict[Flag, str]) -> list[str]:
    """One line a flag."""
    return [f"{letter}  {flag}: {FLAG_MEANING[flag]}" for flag, letter in letters.items()]


def remarks(rows: Sequence[Row]) -> list[str]:
    """One line for each case that has no rank: its id, its status, what happened."""
    lines = []
    for row in rows:
        if row.status not in MEASURED:
            why = f": {row.message}" if row.message else ""
            lines.append(" ".join(f"{row.case_id} {row.status}{why}".split()))
    return lines


def group_title(group: Group, case: Case) -> str:
    """What the rows of a group share, in words: '64 channels, 56 px, fp32 forward, 1 thread'."""
    words: list[str] = []
    for key, value in group.items():
        if value is not None and (shown := _in_words(key, value)):
            words.append(shown)
    if "mode" in group and "dtype" in group:
        words.append(f"{case.dtype} {case.mode}")
    return ", ".join(words)


def describe(case: Case, *, whole: bool) -> str:
    """A case within its group: subject and options, and with `whole` how it was executed."""
    words = [case.subject]
    if case.kind == "layer" and case.window is not None and case.window != "all":
        words.append(f"({case.window})")
    words += [f"{key}={show_scalar(value)}" for key, value in case.options.items()]
    if whole:
        words.append(f"[{case.implementation}.{case.runtime}]")
    return " ".join(words)


def _in_words(key: str, value: Scalar) -> str:
    """One thing that the rows of a group share; nothing where it goes without saying."""
    match key, value:
        case ("kind" | "mode" | "dtype", _) | ("stride", 1) | ("autocast", "none"):
            return ""
        case ("layout", "contiguous"):
            return ""
        case ("channels", _):
            return f"{value} channels"
        case ("size" | "resolution", _):
            return f"{value} px"
        case ("threads", 1):
            return "1 thread"
        case ("threads", _):
            return f"{value} threads"
        case ("device" | "layout", _):
            return str(value)
        case _:
            return f"{key} {show_scalar(value)}"


def _has_layers(leaderboard: Leaderboard) -> bool:
    return any(row.case.kind == "layer" for row in leaderboard.rows)


def _wanted(leaderboard: Leaderboard) -> set[str]:
    wanted = set(leaderboard.metrics)
    return wanted if leaderboard.rank_by == "throughput" else wanted - {"throughput"}


def _label_of(leaderboard: Leaderboard) -> Callable[[Row], str]:
    """Labels state how a case was executed only where that tells two rows of a group apart."""
    ambiguous: set[str] = set()
    for group, rows in leaderboard.groups():
        labels = [describe(row.case, whole=False) for row in rows]
        ambiguous |= {f"{group}{label}" for label in labels if labels.count(label) > 1}

    def label(row: Row) -> str:
        short = describe(row.case, whole=False)
        return describe(row.case, whole=True) if f"{row.group}{short}" in ambiguous else short

    return label


def _place(row: Row) -> str:
    if row.rank is None:
        return "-"
    return f"{row.rank}=" if row.tied else str(row.rank)


def _metric(name: str) -> Callable[[Row], str]:
    def cell(row: Row) -> str:
        value = row.median(name)
        if value is None:
            return str(row.status) if name in ("latency", "throughput") else "-"
        return SHOWN_AS[METRICS[name].show](value)

    return cell


def _precision_of(name: str) -> Callable[[Row], str]:
    def cell(row: Row) -> str:
        figure = row.figures.get(name)
        if figure is None or not figure.median or figure.interval is None:
            return "-"
        half = (figure.interval.high - figure.interval.low) / 2 / figure.median
        return f"{half * 100:.1f}%" if half < 0.1 else f"{half * 100:.0f}%"

    return cell


def _relative(row: Row) -> str:
    if row.relative is None:
        return "-"
    return f"{row.relative:.2f}" if row.relative < 100 else f"{row.relative:.0f}"
