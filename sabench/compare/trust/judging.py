"""Every indicator against the training in full: tau, interval, ceiling, baselines, decisions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from sabench.cases.case import Case
from sabench.compare.trust.agreement import (
    Agreement,
    Resampling,
    seed_by_seed,
    seed_ceiling,
)
from sabench.compare.trust.baselines import counts, published
from sabench.compare.trust.indicators import Gathered, Indicator
from sabench.compare.trust.pairs import Decisions, decisions
from sabench.errors import ConfigError, ResultError
from sabench.stats import Interval

LEAST_NETWORKS = 3
TOP = 3  # the best third


@dataclass(frozen=True, slots=True)
class Ceiling:
    """How well one seed of the truth ranks as another does, over all and in the best third."""

    seeds: int
    tau: float | None
    top: float | None


@dataclass(frozen=True, slots=True)
class Trust:
    """What an indicator is worth. Agreements are None where an order is level.

    `seed_tau` is to be held against the ceiling: both are of single seeds. `gains`: tau less that
    of a baseline, over the same networks. `faster`: the truth's training time over this one's.
    """

    indicator: Indicator
    overall: Agreement | None
    top: Agreement | None
    seed_tau: float | None
    gains: dict[str, Interval | None]
    decided: Decisions
    faster: float | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """The truth with its span and ceiling, and every indicator that shares networks with it."""

    truth: Indicator
    networks: tuple[str, ...]
    cases: dict[str, Case]
    span: Interval
    ceiling: Ceiling
    trusts: tuple[Trust, ...]
    left_out: dict[str, int] = field(default_factory=dict)  # networks in common, by indicator


def judge(gathered: Gathered, truth: str = "") -> Judgement:
    """All indicators but the truth against it, the counts last.

    `truth`: the name of an indicator; without one the only training in full, by the suite's own
    recipe if one is. Baselines are the counts, and latency where some was measured.
    Raises: ConfigError if that is not told or not there, ResultError below three networks.
    """
    printed = published(gathered.networks)
    known = [*gathered.indicators, *([printed] if printed.values else [])]
    true = find_truth(known, truth)
    networks = tuple(key for key in gathered.networks if key in true.values)
    if len(networks) < LEAST_NETWORKS:
        raise ResultError(f"{true.name}: {len(networks)} networks are too few to rank; train more")
    counted = counts({key: gathered.networks[key] for key in networks}, true.classes)
    others = [one for one in known if one is not true]
    baselines = [*counted, *(one for one in others if one.origin == "measurement")]
    trusts, left_out, foremost = [], {}, best_third(true, networks)
    for one in [*others, *counted]:
        common = [key for key in networks if key in one.values]
        if len(common) < LEAST_NETWORKS:
            left_out[one.name] = len(common)
        else:
            trusts.append(trust_in(one, true, common, foremost, baselines))
    means = true.means(networks)
    return Judgement(
        truth=true,
        networks=networks,
        cases=gathered.networks,
        span=Interval(min(means), max(means)),
        ceiling=ceiling_of(true, networks),
        trusts=tuple(trusts),
        left_out=left_out,
    )


def find_truth(known: Sequence[Indicator], name: str = "") -> Indicator:
    """The indicator that the others are held against.

    Raises: ConfigError if it is not there, or not the only one it could be.
    """
    full = [one for one in known if one.origin == "training" and not one.is_reduced]
    full = [one for one in full if not one.altered] or full
    if name:
        full = [one for one in known if one.name == name]
    if len(full) == 1:
        return full[0]
    names = ", ".join(repr(one.name) for one in known)
    if name:
        raise ConfigError(f"--truth {name!r} is none of these results' indicators: {names}")
    what = "no training in full among" if not full else f"{len(full)} trainings in full among"
    raise ConfigError(f"{what} these results: name one by --truth, of {names}")


def trust_in(
    one: Indicator,
    truth: Indicator,
    networks: Sequence[str],
    foremost: Sequence[str],
    baselines: Sequence[Indicator],
) -> Trust:
    """An indicator held against the truth over networks that both have values of, and over those of
    them that are among the truth's `foremost`."""
    mine, true = one.means(networks), truth.means(networks)
    resampling = Resampling(len(networks))
    gains = {
        base.name: resampling.gain(mine, base.means(networks), true)
        for base in baselines
        if base.name != one.name and all(key in base.values for key in networks)
    }
    best, top = [key for key in foremost if key in one.values], None
    if len(best) >= LEAST_NETWORKS:
        top = Resampling(len(best)).agreement(one.means(best), truth.means(best))
    return Trust(
        indicator=one,
        overall=resampling.agreement(mine, true),
        top=top,
        seed_tau=_seed_tau(one, truth, networks),
        gains=gains,
        decided=decisions(one, truth, networks),
        faster=faster_by(one, truth, networks),
    )


def _seed_tau(one: Indicator, truth: Indicator, networks: Sequence[str]) -> float | None:
    if not one.is_drawn:
        return None
    mine, true = one.of_seeds(networks), truth.of_seeds(networks)
    return seed_by_seed(mine, true, share_seeds=truth.is_drawn)  # scores share the first weights


def ceiling_of(truth: Indicator, networks: Sequence[str]) -> Ceiling:
    """The agreement of the truth with itself, seed against seed; none of what has no seeds."""
    if not truth.is_drawn:
        return Ceiling(0, None, None)
    best, seeds = best_third(truth, networks), truth.of_seeds(networks)
    return Ceiling(len(seeds), seed_ceiling(seeds), seed_ceiling(truth.of_seeds(best)))


def best_third(truth: Indicator, networks: Sequence[str]) -> list[str]:
    """The third of the networks, rounded up, that the truth ranks first."""
    means = dict(zip(networks, truth.means(networks), strict=True))
    ordered = sorted(networks, key=lambda key: means[key], reverse=truth.better != "less")
    return ordered[: math.ceil(len(networks) / TOP)]


def faster_by(one: Indicator, truth: Indicator, networks: Sequence[str]) -> float | None:
    """Training time of the truth over that of the indicator, for the same networks.

    None where one of them is no training or tells no time, or was trained on another device or
    with another number of threads.
    """
    known = [key for key in networks if key in one.seconds and key in truth.seconds]
    where = ("device", "threads")
    if not known or any(one.way.get(key) != truth.way.get(key) for key in where):
        return None
    return sum(truth.seconds[key] for key in known) / sum(one.seconds[key] for key in known)
