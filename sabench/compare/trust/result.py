"""The outcome of `sabench ranks` as a file: what an accuracy elsewhere can be held against."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from sabench.cases.case import Case, Scalar
from sabench.cases.recipe import Recipe
from sabench.compare.trust.agreement import Agreement
from sabench.compare.trust.choice import Choice
from sabench.compare.trust.indicators import Origin
from sabench.compare.trust.judging import Judgement, Trust
from sabench.records import SCHEMA_VERSION, Frozen
from sabench.stats import Interval
from sabench.store.leaderboard import located
from sabench.store.schema import read_sealed, write_sealed

RANKS = "sabench.ranks"
METHOD = "Kendall's tau-b, signed; 95 % percentile bootstrap over networks, paired across rows"

Bounds = tuple[float, float]


class Tau(Frozen):
    """Rank agreement with the truth over so many networks."""

    tau: float
    networks: int
    interval: Bounds | None


class Pairs(Frozen):
    """Pairs of networks, and by whom they are decided; `right`: alike, of those by both."""

    all: int
    decided: int
    decided_by_truth: int
    decided_by_both: int
    right: int


class Ranked(Frozen):
    """One indicator. `values`: by network, then by seed, which `seeds` names where they are not
    0, 1, 2, ... `altered`: what its recipe has other than the suite. `contents`: the hash of its
    data by resolution, `classes`: of them.
    `seconds`: of one training of each.
    """

    name: str
    origin: Origin
    way: dict[str, str]
    recipe: Recipe | None = None
    altered: dict[str, Scalar] = Field(default_factory=dict)
    contents: dict[int, str] = Field(default_factory=dict)
    classes: int | None = None
    seeds: dict[str, tuple[int, ...]] = Field(default_factory=dict)
    better: Literal["more", "less", "neither"]
    overall: Tau | None
    top_third: Tau | None
    seed_tau: float | None
    gains: dict[str, Bounds | None]
    pairs: Pairs
    seconds: dict[str, float]
    lost: dict[str, str]
    faster: float | None
    values: dict[str, tuple[float, ...]]
    is_reduced: bool


class Truth(Frozen):
    """What all else is held against, and the span of its means."""

    name: str
    origin: Origin
    better: Literal["more", "less", "neither"]
    way: dict[str, str]
    recipe: Recipe | None = None
    altered: dict[str, Scalar] = Field(default_factory=dict)
    contents: dict[int, str] = Field(default_factory=dict)
    classes: int | None = None
    seeds: dict[str, tuple[int, ...]] = Field(default_factory=dict)
    seconds: dict[str, float]
    lost: dict[str, str]
    low: float
    high: float
    values: dict[str, tuple[float, ...]]
    is_reduced: bool


class SeedCeiling(Frozen):
    """Tau of one seed of the truth against another, in the mean."""

    seeds: int
    tau: float | None
    top_third: float | None


class Chosen(Frozen):
    """The proxy chosen on one half, told on the other, and the same over many halvings."""

    name: str
    faster: float | None
    proxies: tuple[str, ...]
    are_fast: bool
    chosen_on: Tau
    reported_on: Tau | None
    halvings: int
    chosen_in: dict[str, float]
    median_tau: float
    quartiles: Bounds


class Ranks(Frozen):
    """Every indicator's agreement with the truth."""

    schema_name: Literal["sabench.ranks"] = Field("sabench.ranks", alias="schema")
    schema_version: str = SCHEMA_VERSION
    method: str = METHOD
    networks: dict[str, Case]
    truth: Truth
    seed_ceiling: SeedCeiling
    indicators: tuple[Ranked, ...]
    left_out: dict[str, int]
    choice: Chosen | str  # or why there is none
    command_line: tuple[str, ...] = ()

    def dump(self) -> dict[str, Any]:
        """JSON-ready, schema first; what is not known is null."""
        return self.model_dump(mode="json", by_alias=True)


def ranks_of(told: Judgement, choice: Choice | str, command_line: tuple[str, ...] = ()) -> Ranks:
    """The file of a judgement and a choice."""
    truth, ceiling = told.truth, told.ceiling
    return Ranks(
        networks=told.cases,
        truth=Truth(
            name=truth.name,
            origin=truth.origin,
            better=truth.better,
            way=truth.way,
            recipe=truth.recipe,
            altered=dict(truth.altered),
            contents=dict(truth.contents),
            classes=truth.classes,
            seeds={key: truth.seeds[key] for key in told.networks if key in truth.seeds},
            seconds=dict(truth.seconds),
            lost=dict(truth.lost),
            low=told.span.low,
            high=told.span.high,
            values={key: truth.values[key] for key in told.networks},
            is_reduced=truth.is_reduced,
        ),
        seed_ceiling=SeedCeiling(seeds=ceiling.seeds, tau=ceiling.tau, top_third=ceiling.top),
        indicators=tuple(map(_ranked, told.trusts)),
        left_out=told.left_out,
        choice=_chosen(choice),
        command_line=command_line,
    )


def write_ranks(path: Path, ranks: Ranks) -> None:
    """Keep them, in one step and with a checksum.

    Raises: ResultError if the disk refuses.
    """
    write_sealed(path, ranks.dump())


def read_ranks(path: Path) -> Ranks:
    """The ranks in a file, or in the copy of results/ that ships.

    Raises: ResultError if it is missing, damaged or of another schema.
    """
    return read_sealed(located(path), Ranks)


def _ranked(trust: Trust) -> Ranked:
    one, pairs = trust.indicator, trust.decided
    return Ranked(
        name=one.name,
        origin=one.origin,
        way=one.way,
        recipe=one.recipe,
        altered=dict(one.altered),
        contents=dict(one.contents),
        classes=one.classes,
        seeds=dict(one.seeds),
        better=one.better,
        overall=_tau(trust.overall),
        top_third=_tau(trust.top),
        seed_tau=trust.seed_tau,
        gains={name: _bounds(gain) for name, gain in trust.gains.items()},
        pairs=Pairs(
            all=pairs.pairs,
            decided=pairs.decided,
            decided_by_truth=pairs.truly,
            decided_by_both=pairs.both,
            right=pairs.right,
        ),
        seconds=dict(one.seconds),
        lost=dict(one.lost),
        faster=trust.faster,
        values=dict(one.values),
        is_reduced=one.is_reduced,
    )


def _chosen(choice: Choice | str) -> Chosen | str:
    if isinstance(choice, str):
        return choice
    on = _tau(choice.chosen_on)
    assert on is not None
    return Chosen(
        name=choice.chosen.name,
        faster=choice.faster,
        proxies=tuple(one.name for one in choice.proxies),
        are_fast=choice.are_fast,
        chosen_on=on,
        reported_on=_tau(choice.reported_on),
        halvings=choice.count,
        chosen_in=choice.halvings,
        median_tau=choice.middle,
        quartiles=(choice.quartiles.low, choice.quartiles.high),
    )


def _tau(found: Agreement | None) -> Tau | None:
    if found is None:
        return None
    return Tau(tau=found.tau, networks=found.networks, interval=_bounds(found.interval))


def _bounds(interval: Interval | None) -> Bounds | None:
    return (interval.low, interval.high) if interval else None
