"""What tells networks apart before, or without, a training in full: one value a network and seed.

A network is known by its subject, options and resolution, whatever a training was reduced by:
that is how a profile, scores, short trainings and long ones of it are joined.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from sabench.cases.case import REDUCTIONS, Case, Scalar, show_scalar
from sabench.cases.recipe import Recipe
from sabench.catalog.metrics import METRICS, metrics_of
from sabench.records import SHOWN
from sabench.store.leaderboard import Leaderboard, Row

Origin = Literal["training", "score", "count", "measurement", "published"]

ACCURACY, TIME = "accuracy", "train_time"
NO_FIGURE = "no figure"
"""Of a network that was trained, scored or run, and has none of some indicator."""
KEYS = (
    *("data", *REDUCTIONS, "mode", "batch", "threads", "layout", "autocast", "dtype"),
    *("implementation", "runtime"),
)
"""What may tell apart two figures of one network."""
ALWAYS = ("data", *REDUCTIONS, "mode")

Way = dict[str, str]
"""How a figure was come by: each of KEYS, and the device's name."""


@dataclass(frozen=True, slots=True)
class Indicator:
    """Values of networks, each with one a seed.

    `seeds`: of the values of each network, where they are not 0, 1, 2, ... `way`: what its figures
    share; `recipe`: what its networks were trained by; `altered`: what of it the suite says
    otherwise. `contents`: the hash of its data by resolution, and `classes` of it, where known.
    `better` is what its definition promises.
    `seconds`: of one training of each network. `lost`: networks without a figure to rank by, and
    how they ended. `is_reduced`: trained with fewer samples, epochs, pixels or channels than the
    recipe has.
    """

    name: str
    origin: Origin
    better: Literal["more", "less", "neither"]
    values: Mapping[str, tuple[float, ...]]
    seeds: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    way: Way = field(default_factory=dict)
    recipe: Recipe | None = None
    altered: Mapping[str, Scalar] = field(default_factory=dict)
    contents: Mapping[int, str] = field(default_factory=dict)
    classes: int | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    lost: Mapping[str, str] = field(default_factory=dict)
    is_reduced: bool = False

    @property
    def is_trained(self) -> bool:
        """Whether its seeds are whole trainings."""
        return self.origin == "training"

    @property
    def is_drawn(self) -> bool:
        """Whether its values are of seeds: a measurement's are of processes, a count has one."""
        return self.origin in ("training", "score")

    def by_seed(self, network: str) -> dict[int, float]:
        """The values of a network, each under its seed."""
        values = self.values[network]
        return dict(zip(self.seeds.get(network, range(len(values))), values, strict=True))

    def of_seeds(self, networks: Sequence[str]) -> dict[int, list[float]]:
        """The values of these networks in their order, for every seed that all of them have."""
        values = [self.by_seed(network) for network in networks]
        common = [seed for seed in values[0] if all(seed in one for one in values)]
        return {seed: [one[seed] for one in values] for seed in common}

    def means(self, networks: Iterable[str]) -> list[float]:
        """The mean over seeds of each of them."""
        return [sum(self.values[key]) / len(self.values[key]) for key in networks]


@dataclass(frozen=True, slots=True)
class Gathered:
    """The indicators of some leaderboards, and the networks that they are of, by key."""

    indicators: tuple[Indicator, ...]
    networks: dict[str, Case]


def plain_case(case: Case) -> Case:
    """The network that a case is of, without data, reductions and the way it is run."""
    return Case(
        kind="network", subject=case.subject, resolution=case.resolution, options=case.options
    )


def networks_of(board: Leaderboard) -> dict[str, Case]:
    """The networks of a leaderboard by their keys, in its order."""
    cases = (plain_case(row.case) for row in _networks(board))
    return {case.case_id: case for case in cases}


def indicators_of(board: Leaderboard) -> Iterator[Indicator]:
    """Accuracy of each way of training, every score, latency of each way of running.

    Two ways differ in data, in what reduces them, in what is done, and in whatever else tells two
    rows of one network apart: that convolutions have one implementation and attention another
    makes no two ways.
    """
    ways = [(row, way_of(row, board)) for row in _networks(board)]
    apart = _apart([(plain_case(row.case).case_id, way) for row, way in ways])
    groups: dict[tuple[str, ...], list[tuple[Row, Way]]] = {}
    for row, way in ways:
        groups.setdefault(tuple(way[key] for key in apart), []).append((row, way))
    found = [
        ([row for row, _ in those], _united([w for _, w in those])) for those in groups.values()
    ]
    told = _telling([way for _, way in found], apart)
    for rows, way in found:
        label = [f"{key}={way[key]}" for key in told]
        yield from _of_one_way(rows, way, label, board)


def way_of(row: Row, board: Leaderboard) -> Way:
    """How the figures of a row were come by."""
    device = board.environments.get(row.device)
    name = device.device_name if device else row.device
    return {key: str(getattr(row.case, key)) for key in KEYS} | {"device": name}


def contents_of(rows: Iterable[Row]) -> dict[int, str]:
    """The hash of the data of rows of one way, by resolution: it is of the resized images.

    Several in one entry, where a row's records do not agree; none of what tells no hash.
    """
    found: dict[int, set[str]] = {}
    for row in rows:
        found.setdefault(row.case.resolution or 0, set()).update(row.data_sha256)
    return {size: ",".join(sorted(those)) for size, those in found.items() if those}


def are_of_one_content(one: Mapping[int, str], other: Mapping[int, str]) -> bool:
    """Whether no resolution that both tell a hash of has two."""
    return all(one[size] == other[size] for size in one.keys() & other.keys())


def are_of_other_data(one: Indicator, truth: Indicator) -> bool:
    """By its name; by its hash too where as many samples and pixels are left of both. Not of what
    has no data, as a latency or a printed figure."""
    if not (one.is_drawn and truth.is_drawn):
        return False
    if one.way.get("data") != truth.way.get("data"):
        return True
    same_part = all(one.way.get(key) == truth.way.get(key) for key in ("r", "s"))
    return same_part and not are_of_one_content(one.contents, truth.contents)


def _of_one_way(
    rows: Sequence[Row], way: Way, label: Sequence[str], board: Leaderboard
) -> Iterator[Indicator]:
    origin, names = _read_of(rows[0].case)
    label = [*label, *(f"{key}={show_scalar(one)}" for key, one in board.altered.items())]
    for name in names:
        values, seeds, lost = {}, {}, {}
        for row in rows:
            key, figure = plain_case(row.case).case_id, row.figures.get(name)
            if row.status not in SHOWN:
                lost[key] = row.status.value
            elif figure is None or not figure.process_medians:
                lost[key] = NO_FIGURE
            else:
                values[key] = figure.process_medians
                if figure.seeds != tuple(range(len(figure.seeds))):
                    seeds[key] = figure.seeds
        if values:
            yield Indicator(
                name=f"{name} {','.join(label)}".rstrip(),
                origin=origin,
                better=METRICS[name].better,
                values=values,
                seeds=seeds,
                way=way,
                recipe=board.recipe,
                altered=board.altered,
                contents=contents_of(rows),
                classes=next((row.classes for row in rows if row.classes), None),
                seconds=_seconds(rows) if origin == "training" else {},
                lost=lost,
                is_reduced=any(way[key] != "1" for key in REDUCTIONS),
            )


def _networks(board: Leaderboard) -> list[Row]:
    return [row for row in board.rows if row.case.kind == "network"]


def _read_of(case: Case) -> tuple[Origin, tuple[str, ...]]:
    if case.mode == "train":
        return "training", (ACCURACY,)
    if case.mode == "score":
        return "score", metrics_of("score")
    return "measurement", ("latency_warm",)


def _seconds(rows: Iterable[Row]) -> dict[str, float]:
    return {
        plain_case(row.case).case_id: time for row in rows if (time := row.median(TIME)) is not None
    }


def _apart(rows: Sequence[tuple[str, Way]]) -> list[str]:
    """The keys that make two figures of a network two: those that always do, and those that do
    here."""
    found = []
    for key in (*KEYS, "device"):
        values: dict[str, set[str]] = {}
        for network, way in rows:
            values.setdefault(network, set()).add(way[key])
        if key in ALWAYS or any(len(those) > 1 for those in values.values()):
            found.append(key)
    return found


def _united(ways: Sequence[Way]) -> Way:
    """What some rows share; where they differ, each value once."""
    return {key: ",".join(dict.fromkeys(way[key] for way in ways)) for key in ways[0]}


def _telling(ways: Sequence[Way], apart: Sequence[str]) -> list[str]:
    """The keys that tell the ways of a leaderboard apart, and those that reduce."""
    found = []
    for key in apart:
        values = {way[key] for way in ways}
        if len(values) > 1 or (key in REDUCTIONS and values != {"1"}):
            found.append(key)
    return found
