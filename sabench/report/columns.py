"""What the cells of a leaderboard say, for every way of showing it."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sabench.cases.case import Case, Scalar, show_scalar
from sabench.catalog.layers import layers
from sabench.catalog.metrics import METRICS, metrics_of
from sabench.records import Flag
from sabench.report.trainings import curve_of
from sabench.store.leaderboard import Group, Leaderboard, Row
from sabench.store.published import Published, published_in
from sabench.units import show_bytes, show_count, show_energy, show_time

SHOWN_AS: dict[str, Callable[[float], str]] = {
    "time": show_time,
    "count": show_count,
    "bytes": show_bytes,
    "rate": lambda value: f"{show_count(value)}/s",
    "energy": show_energy,
    "power": lambda value: f"{value:.3g} W",
    "number": lambda value: f"{value:.3g}",
    "share": lambda value: f"{100 * value:.1f}%",
}

TITLES = {
    "latency_warm": "latency",
    "latency_cold": "cold",
    "latency_graph": "graph",
    "throughput": "images",
    "macs": "MACs",
    "params": "params",
    "peak_allocated": "memory",
    "energy": "energy",
    "accuracy": "accuracy",
    "epoch_time": "epoch",
    "train_time": "in all",
    "train_throughput": "images",
    "train_memory": "memory",
    "train_energy": "energy",
    **{name: name for name in metrics_of("score")},
}
"""Metrics that get a column, with the heading that fits over its cells."""


@dataclass(frozen=True, slots=True)
class Column:
    """A heading and what stands under it. `spare`: left out first where the terminal is narrow."""

    title: str
    cell: Callable[[Row], str]
    is_text: bool = False
    spare: bool = False


def columns(leaderboard: Leaderboard, letters: dict[Flag, str]) -> list[Column]:
    """The columns that this leaderboard fills: place, case, ranking metric, then what else is."""
    rows, rank_by = leaderboard.rows, leaderboard.rank_by
    table = [
        Column("#", _place),
        Column("layer" if has_layers(rows) else "network", label_of(leaderboard), is_text=True),
    ]
    if any(row.case.window is not None for row in rows):
        table.append(Column("window", lambda row: str(row.case.window or "-")))
    table.append(Column(TITLES.get(rank_by, rank_by), _metric(rank_by)))
    table.append(Column("±", _precision_of(rank_by)))
    if has_relative(leaderboard):
        table.append(Column("x conv", lambda row: _times(row.relative)))
    if has_floor(leaderboard):
        table.append(Column("x floor", lambda row: _times(row.times_floor)))
    published = published_in(leaderboard)
    if published:
        table.append(Column("published", _published(published), spare=True))
    order = ("macs", "peak_allocated", *TITLES) if published else TITLES  # what is compared first
    present = {name for row in rows for name, f in row.figures.items() if f.median is not None}
    table += [
        Column(TITLES[name], _metric(name), spare=True)
        for name in dict.fromkeys(order)
        if name in present and name != rank_by and name in _wanted(leaderboard)
    ]
    if any(row.curve for row in rows):
        table.append(Column("curve", curve_of, spare=True))
    if letters:
        table.append(Column("flags", lambda row: "".join(letters[flag] for flag in row.flags)))
    return table


def has_relative(leaderboard: Leaderboard) -> bool:
    """Whether a group has the 3x3 convolution that the others are held against."""
    return any(row.relative is not None for row in leaderboard.rows)


def has_floor(leaderboard: Leaderboard) -> bool:
    """Whether a row has a latency and the least that it could be."""
    return any(row.times_floor is not None for row in leaderboard.rows)


def group_title(group: Group, case: Case) -> str:
    """What the rows of a group share, in words: '64 channels, 56 px, fp32 forward, 1 thread'."""
    words: list[str] = []
    for key, value in group.items():
        if value is not None and (shown := _in_words(key, value)):
            words.append(shown)
    if "mode" in group and "dtype" in group:
        words.append(f"{case.dtype} {case.mode}")
    return ", ".join(words)


def _in_words(key: str, value: Scalar) -> str:
    """One thing that the rows of a group share; nothing where it goes without saying."""
    match key, value:
        case ("kind" | "mode" | "dtype", _) | ("stride", 1) | ("autocast", "none"):
            return ""
        case ("layout", "contiguous") | ("c" | "r" | "s" | "e", 1):
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


def has_layers(rows: Sequence[Row]) -> bool:
    """Whether a row is of a layer, not of a network."""
    return any(row.case.kind == "layer" for row in rows)


def _wanted(leaderboard: Leaderboard) -> set[str]:
    wanted = set(leaderboard.metrics)
    return wanted if leaderboard.rank_by == "throughput" else wanted - {"throughput"}


def label_of(leaderboard: Leaderboard) -> Callable[[Row], str]:
    """What a row is called: the options off their defaults and, of a layer, those that the
    leaderboard sweeps; how a case was executed only where that tells two rows of a group apart."""
    swept: dict[str, dict[str, None]] = {}
    for row in leaderboard.rows:
        swept.setdefault(row.case.subject, {}).update(dict.fromkeys(row.case.options))
    groups = leaderboard.groups()
    labels = {
        row.case_id: _label(row.case, swept[row.case.subject]) + _own_resolution(row)
        for row in leaderboard.rows
    }
    told = {row.case_id: f"{labels[row.case_id]} {row.case.window}" for row in leaderboard.rows}
    counts = [(rows, Counter(told[row.case_id] for row in rows)) for _, rows in groups]
    twice = {row.case_id for rows, times in counts for row in rows if times[told[row.case_id]] > 1}

    def label(row: Row) -> str:
        how = [row.case.implementation]
        if row.case_id in twice:
            how = [f"{row.case.implementation}.{row.case.runtime}"]
        elif not leaderboard.is_of_best or not _has_attention(row.case):
            how = []
        return labels[row.case_id] + (f" [{', '.join([*how, *row.level_with])}]" if how else "")

    return label


def _has_attention(case: Case) -> bool:
    """Whether there are several implementations of it; a network may hold such a layer."""
    row = layers().get(case.subject)
    return case.kind == "network" or (row is not None and row.attention is not None)


def name_of(leaderboard: Leaderboard) -> Callable[[Row], str]:
    """The same with the window, where it has no column of its own."""
    label = label_of(leaderboard)

    def name(row: Row) -> str:
        window = row.case.window
        return label(row) + (f" window={window}" if window is not None else "")

    return name


def _label(case: Case, swept: Iterable[str]) -> str:
    """Subject and options; the window is left out where it has a column of its own."""
    words = [case.subject]
    for key in swept if case.kind == "layer" else case.options:  # a network's name says its own
        value = case.options.get(key, _default(case, key))
        if value is not None and not (key == "window" and case.window is not None):
            words.append(f"{key}={show_scalar(value)}")
    return " ".join(words)


def _own_resolution(row: Row) -> str:
    """A network's resolution, where the heading of its group does not tell it."""
    if row.case.kind == "layer" or "resolution" in row.group:
        return ""
    return f" resolution={row.case.resolution}"


def _default(case: Case, key: str) -> Scalar | None:
    """A layer option's default, as far as it is known here."""
    row = layers().get(case.subject)
    value: Scalar | None = getattr(row.options(), key, None) if row else None
    return value


def _place(row: Row) -> str:
    if row.rank is None:
        return "-"
    return f"{row.rank}=" if row.tied else str(row.rank)


def _metric(name: str) -> Callable[[Row], str]:
    def cell(row: Row) -> str:
        value = row.median(name)
        if value is None:
            return str(row.status) if name in ("latency_warm", "throughput") else "-"
        return SHOWN_AS[METRICS[name].show](value)

    return cell


def _published(figures: dict[str, Published]) -> Callable[[Row], str]:
    def cell(row: Row) -> str:
        one = figures.get(row.case_id)
        if one is None:
            return "-"
        return f"{one.flops_b} G" if one.is_certain else f"{one.flops_b} G?"

    return cell


def _precision_of(name: str) -> Callable[[Row], str]:
    """Half of the interval over the figure; of a share in its own hundredths."""
    is_share = METRICS[name].show == "share"

    def cell(row: Row) -> str:
        figure = row.figures.get(name)
        if figure is None or not figure.headline or figure.interval is None or figure.is_of_one:
            return "-"
        half = (figure.interval.high - figure.interval.low) / 2
        half /= 1.0 if is_share else abs(figure.headline)
        shown = f"{half * 100:.1f}%" if half < 0.1 else f"{half * 100:.0f}%"
        return f"({shown})" if figure.interval_kind == "range" else shown

    return cell


def _times(ratio: float | None) -> str:
    if ratio is None:
        return "-"
    return f"{ratio:.2f}" if ratio < 100 else f"{ratio:.0f}"
