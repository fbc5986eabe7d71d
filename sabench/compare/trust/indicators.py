"""What tells networks apart before, or without, a training in full: one value a network and seed.

A network is known by its subject, options and resolution, whatever a training was reduced by:
that is how a profile, scores, short trainings and long ones of it are joined.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from sabench.cases.case import REDUCTIONS, Case
from sabench.catalog.metrics import METRICS, metrics_of
from sabench.errors import ResultError
from sabench.records import SHOWN
from sabench.store.leaderboard import Leaderboard, Row, read_leaderboard

Origin = Literal["training", "score", "count", "measurement", "published"]

ACCURACY, TIME = "accuracy", "train_time"
KEYS = (
    *("data", *REDUCTIONS, "mode", "batch", "threads", "layout", "autocast", "dtype"),
    *("implementation", "runtime"),
)
"""What may tell apart two figures of one network."""


@dataclass(frozen=True, slots=True)
class Indicator:
    """Values of networks, each with one a seed.

    `way`: of KEYS, what its figures share. `better` is what its definition promises. `seconds`:
    what a training takes, in the mean over networks and seeds; None where that is not told.
    `is_reduced`: trained by less than the suite's own recipe, data and widths.
    """

    name: str
    origin: Origin
    better: Literal["more", "less", "neither"]
    values: Mapping[str, tuple[float, ...]]
    way: dict[str, str] = field(default_factory=dict)
    seconds: float | None = None
    is_reduced: bool = False

    def means(self, networks: Iterable[str]) -> list[float]:
        """The mean over seeds of each of them."""
        return [sum(self.values[key]) / len(self.values[key]) for key in networks]


@dataclass(frozen=True, slots=True)
class Gathered:
    """The indicators of some leaderboards, and the networks that they are of, by key."""

    indicators: tuple[Indicator, ...]
    networks: dict[str, Case]


def gather(sources: Sequence[Path]) -> Gathered:
    """Every indicator of some leaderboards, in their order, no two of one name.

    Raises: ResultError for a file that cannot be read, or one in which no network has a figure.
    """
    found: list[Indicator] = []
    networks: dict[str, Case] = {}
    for path in sources:
        board = read_leaderboard(path)
        here = list(indicators_of(board))
        if not here:
            raise ResultError(f"{path}: no network in it has a figure that could rank it")
        taken = {one.name for one in found}
        for one in here:
            told = f"{one.name} ({path.stem})" if one.name in taken else one.name
            found.append(replace(one, name=told))
        cases = (plain_case(row.case) for row in _rows(board))
        networks |= {case.case_id: case for case in cases}
    return Gathered(tuple(found), networks)


def plain_case(case: Case) -> Case:
    """The network that a case is of, without data, reductions and the way it is run."""
    return Case(
        kind="network", subject=case.subject, resolution=case.resolution, options=case.options
    )


def indicators_of(board: Leaderboard) -> Iterator[Indicator]:
    """Accuracy of each way of training, every score, latency of each way of running."""
    ways: list[tuple[dict[str, str], list[Row]]] = []
    for row in _rows(board):
        way = way_of(row)
        same = next((rows for other, rows in ways if other == way), None)
        if same is None:
            ways.append((way, [row]))
        else:
            same.append(row)
    told = _telling([way for way, _ in ways])
    for way, rows in ways:
        label = ",".join(f"{key}={way[key]}" for key in told)
        yield from _of_one_way(rows, way, label)


def _rows(board: Leaderboard) -> list[Row]:
    return [row for row in board.rows if row.case.kind == "network" and row.status in SHOWN]


def _of_one_way(rows: Sequence[Row], way: dict[str, str], label: str) -> Iterator[Indicator]:
    case = rows[0].case
    origin, names = _read_of(case)
    for name in names:
        values = {
            plain_case(row.case).case_id: figure.process_medians
            for row in rows
            if (figure := row.figures.get(name)) is not None and figure.process_medians
        }
        if values:
            yield Indicator(
                name=f"{name} {label}".rstrip(),
                origin=origin,
                better=METRICS[name].better,
                values=values,
                way=way,
                seconds=_seconds(rows),
                is_reduced=any(getattr(case, key) != 1 for key in REDUCTIONS),
            )


def _read_of(case: Case) -> tuple[Origin, tuple[str, ...]]:
    if case.mode == "train":
        return "training", (ACCURACY,)
    if case.mode == "score":
        return "score", metrics_of("score")
    return "measurement", ("latency_warm",)


def _seconds(rows: Iterable[Row]) -> float | None:
    times = [time for row in rows if (time := row.median(TIME)) is not None]
    return sum(times) / len(times) if times else None


def way_of(row: Row) -> dict[str, str]:
    """How the figures of a row were come by: data, reductions and the rest of KEYS, and device."""
    return {key: str(getattr(row.case, key)) for key in KEYS} | {"device": row.device}


def _telling(ways: Sequence[dict[str, str]]) -> list[str]:
    """The keys that tell the ways of a leaderboard apart, and those that reduce."""
    found = []
    for key in ways[0] if ways else ():
        values = {way[key] for way in ways}
        if len(values) > 1 or (key in REDUCTIONS and values != {"1"}):
            found.append(key)
    return found
