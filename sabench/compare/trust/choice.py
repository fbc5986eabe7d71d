"""The best proxy chosen on one half of the networks, and what it is worth on the other.

Chosen and reported on the same networks, the best of several looks better than it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sabench.compare.trust.agreement import SEED, Agreement, Resampling
from sabench.compare.trust.indicators import Indicator
from sabench.stats import Interval, kendall_tau

FASTER = 16.0  # the goal: a proxy this many times faster than the training in full
HALVINGS = 200
LEAST_HALF = 5  # networks


@dataclass(frozen=True, slots=True)
class Choice:
    """The proxy with the highest tau on one half, and its tau on the other.

    `halvings`: which share of `count` random halvings chose each proxy; `quartiles`: where the
    middle half of the taus on the other half lies.
    """

    chosen: Indicator
    faster: float
    chosen_on: Agreement
    reported_on: Agreement | None
    count: int
    halvings: dict[str, float]
    middle: float | None
    quartiles: Interval | None


def choose(
    proxies: Sequence[Indicator], truth: Indicator, networks: Sequence[str], faster: float = FASTER
) -> Choice | None:
    """Among trainings that are at least `faster` times as fast as the truth, or all if none is.

    None below two proxies, or below five networks a half.
    """
    timed = [one for one in proxies if one.seconds and truth.seconds and one.origin == "training"]
    fast = [one for one in timed if (truth.seconds or 0.0) / (one.seconds or 1.0) >= faster]
    known = [one for one in (fast or timed) if all(key in one.values for key in networks)]
    if len(known) < 2 or len(networks) // 2 < LEAST_HALF:
        return None
    random = np.random.default_rng(SEED)
    found = [_on_a_halving(known, truth, networks, random) for _ in range(HALVINGS)]
    told = [one for one in found if one is not None]
    if not told:
        return None
    chosen, half, other = told[0]
    taus = [
        tau.tau
        for one, _, rest in told
        if (tau := kendall_tau(one.means(rest), truth.means(rest))) is not None
    ]
    agreement = _agreement(chosen, truth, half)
    assert agreement is not None  # or it had not been chosen
    low, middle, high = np.quantile(taus, [0.25, 0.5, 0.75]) if taus else (0.0, 0.0, 0.0)
    return Choice(
        chosen=chosen,
        faster=(truth.seconds or 0.0) / (chosen.seconds or 1.0),
        chosen_on=agreement,
        reported_on=_agreement(chosen, truth, other),
        count=len(told),
        halvings={one.name: _share(one, [chosen for chosen, _, _ in told]) for one in known},
        middle=float(middle) if taus else None,
        quartiles=Interval(float(low), float(high)) if taus else None,
    )


def _on_a_halving(
    known: Sequence[Indicator],
    truth: Indicator,
    networks: Sequence[str],
    random: np.random.Generator,
) -> tuple[Indicator, list[str], list[str]] | None:
    order = [networks[place] for place in random.permutation(len(networks))]
    half, other = order[: len(order) // 2], order[len(order) // 2 :]
    taus = {
        one.name: found.tau
        for one in known
        if (found := kendall_tau(one.means(half), truth.means(half))) is not None
    }
    if not taus:
        return None
    best = max(taus, key=lambda name: taus[name])
    return next(one for one in known if one.name == best), half, other


def _agreement(one: Indicator, truth: Indicator, networks: Sequence[str]) -> Agreement | None:
    return Resampling(len(networks)).agreement(one.means(networks), truth.means(networks))


def _share(one: Indicator, chosen: Sequence[Indicator]) -> float:
    return sum(other is one for other in chosen) / len(chosen)
