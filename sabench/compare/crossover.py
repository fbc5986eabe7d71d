"""Where one layer overtakes another along the window or the size, on each side."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, islice, pairwise

import numpy as np

from sabench.cases.case import Case, Kind, Scalar
from sabench.cases.cost import case_options
from sabench.cases.window import Window, swept_by_window, window_seen
from sabench.catalog.layers import layers
from sabench.compare.levels import Draws, better_by, level_of, redraws
from sabench.stats import Interval
from sabench.store.leaderboard import Row

ALONG = ("window", "size", "resolution")
MOST = 500  # pairs that are told: nobody reads more
ALL = 0  # the window of a layer that sees the whole map: one figure, whatever the window
Stated = tuple[tuple[str, Scalar], ...]
Shared = tuple[tuple[str, Scalar | None], ...]
Rows = dict[int, Row]
"""The rows of a series by the value of the axis."""
Pairs = dict[int, tuple[Row, Row]]


@dataclass(frozen=True, slots=True)
class Series:
    """One subject along an axis, everything else fixed."""

    subject: str
    implementation: str
    runtime: str
    options: Stated  # those that the axis does not move


@dataclass(frozen=True, slots=True)
class Crossover:
    """Up to `low` the one is surely ahead (99 %), from `high` the other; between is not told apart.

    `near`: where the ratio is 1 in 95 % of redraws, on straight lines between the values in logs of
    both; None where one process is all there is of a value between.
    """

    low: int
    high: int
    first_leads: bool  # before it; the second after it
    near: Interval | None


@dataclass(frozen=True, slots=True)
class Course:
    """Two series on one side. `ahead`: 1 where the first surely is, -1 the second, 0 neither."""

    values: tuple[int, ...]
    ahead: tuple[int, ...]
    crossovers: tuple[Crossover, ...]


@dataclass(frozen=True, slots=True)
class Contest:
    """Two subjects along an axis on every side; no course where a side has not two values."""

    axis: str
    shared: Shared  # what all its cases have in common
    first: Series
    second: Series
    courses: tuple[Course | None, ...]


def contests(sides: Sequence[Sequence[Row]], metric: str, across: Sequence[str]) -> list[Contest]:
    """The pairs of subjects of which one overtakes the other, or leads on one side and not on all.

    `sides`: the rows of each that have a figure. Series of one subject are no rivals, unless they
    are two implementations of the same options. The first MOST of them.
    """
    return list(islice(_contests(sides, metric, across), MOST))


def _contests(
    sides: Sequence[Sequence[Row]], metric: str, across: Sequence[str]
) -> Iterator[Contest]:
    logs = {id(row): level_of(row, metric).log for rows in sides for row in rows}
    for axis in ALONG:
        lines = [_series(rows, axis, across) for rows in sides]
        for shared in dict.fromkeys(shared for side in lines for shared in side):
            named = dict.fromkeys(name for side in lines for name in side.get(shared, {}))
            for first, second in combinations(named, 2):
                if not _are_rivals(first, second):
                    continue
                pairs = [_pairs(side.get(shared, {}), first, second) for side in lines]
                if not _may_cross(pairs, logs):
                    continue
                courses = tuple(_course(one, metric) for one in pairs)
                if {1, -1} <= {sign for course in courses if course for sign in course.ahead}:
                    yield Contest(axis, shared, first, second, courses)


def _series(
    rows: Sequence[Row], axis: str, across: Sequence[str]
) -> dict[Shared, dict[Series, Rows]]:
    """The rows by what they share, by series, by value."""
    found: dict[Shared, dict[Series, Rows]] = {}
    for row in rows:
        case = row.case
        if axis == "window":
            value, moved = _among_windows(case)
        else:
            value, moved = getattr(case, axis), frozenset()
        if value is None:
            continue
        left_out = {axis, *across}
        shared = tuple((key, at) for key, at in case.group if key not in left_out)
        series = Series(
            case.subject,
            case.implementation,
            case.runtime,
            tuple((key, at) for key, at in case.options.items() if key not in moved),
        )
        found.setdefault(shared, {}).setdefault(series, {})[value] = row
    return found


def _among_windows(case: Case) -> tuple[int | None, frozenset[str]]:
    """A layer's window, and the options that a window sets; no window where nothing tells."""
    return _looked_for(case.kind, case.subject, case.file, case.window, tuple(case.options.items()))


@lru_cache(maxsize=4096)
def _looked_for(
    kind: Kind, subject: str, file: str, window: Window, stated: Stated
) -> tuple[int | None, frozenset[str]]:
    case = Case(kind=kind, subject=subject, file=file, window=window, options=dict(stated))
    seen, row = window_seen(case), layers().get(subject)
    if row is None or seen is None:
        return None, frozenset()
    try:
        moved = swept_by_window(row, case_options(case))
    except ValueError:  # options that this version does not know
        return None, frozenset()
    return ALL if seen == "all" else seen, frozenset(moved)


def _are_rivals(one: Series, other: Series) -> bool:
    return one.subject != other.subject or one.options == other.options


def _pairs(lines: dict[Series, Rows], first: Series, second: Series) -> Pairs:
    """The rows of both at the values that both have; a layer that sees all has every value."""
    one, other = lines.get(first, {}), lines.get(second, {})
    if ALL in one:
        one = dict.fromkeys(other, one[ALL])
    elif ALL in other:
        other = dict.fromkeys(one, other[ALL])
    return {
        value: (one[value], other[value]) for value in sorted(one.keys() & other.keys() - {ALL})
    }


def _may_cross(sides: Sequence[Pairs], logs: dict[int, float]) -> bool:
    """Whether the levels alone put now the one, now the other first."""
    steps = [logs[id(one)] - logs[id(other)] for pairs in sides for one, other in pairs.values()]
    return bool(steps) and min(steps) < 0.0 < max(steps)


def _course(pairs: Pairs, metric: str) -> Course | None:
    if len(pairs) < 2:
        return None
    ahead = [_ahead(one, other, metric) for one, other in pairs.values()]
    sure = [(value, sign) for value, sign in zip(pairs, ahead, strict=True) if sign]
    crossovers = [
        Crossover(low, high, before > 0, _near(pairs, low, high, before, metric))
        for (low, before), (high, after) in pairwise(sure)
        if before != after
    ]
    return Course(tuple(pairs), tuple(ahead), tuple(crossovers))


def _ahead(one: Row, other: Row, metric: str) -> int:
    """1 where the one is surely better, -1 where the other is, 0 where neither is."""
    interval = better_by(one, other, metric).interval
    if interval is None:
        return 0
    return int(interval[0] > 1.0) - int(interval[1] < 1.0)


def _near(pairs: Pairs, low: int, high: int, before: int, metric: str) -> Interval | None:
    """Where the one that is ahead at `low` falls behind, in 95 % of redraws."""
    between = {value: rows for value, rows in pairs.items() if low <= value <= high}
    sides = [_drawn([rows[i] for rows in between.values()], metric, stream=i) for i in (0, 1)]
    if sides[0] is None or sides[1] is None:
        return None
    lead, x = before * (sides[1] - sides[0]), np.log(np.array(list(between)))
    falls = (lead[:, :-1] > 0.0) & (lead[:, 1:] <= 0.0)
    lead, at = lead[falls.any(axis=1)], falls[falls.any(axis=1)].argmax(axis=1)
    line = np.arange(len(lead))
    part = lead[line, at] / (lead[line, at] - lead[line, at + 1])
    found = np.exp(x[at] + part * (x[at + 1] - x[at]))
    start, end = np.quantile(found, [0.025, 0.975])
    return Interval(float(start), float(end))


def _drawn(rows: Sequence[Row], metric: str, stream: int) -> Draws | None:
    """Redraws of the rows; one that stands at several values is drawn once."""
    unique = {id(row): row for row in rows}
    drawn = redraws([level_of(row, metric) for row in unique.values()], stream)
    places = [list(unique).index(id(row)) for row in rows]
    return None if drawn is None else drawn[:, places]
