"""The best proxy chosen on one half of the networks, and what it is worth on the other.

Chosen and reported on the same networks, the best of several looks better than it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sabench.compare.trust.agreement import SEED, Agreement, Resampling
from sabench.compare.trust.indicators import Indicator, are_of_other_data
from sabench.compare.trust.judging import faster_by
from sabench.stats import Interval, kendall_tau

FASTER = 16.0  # the goal: a proxy this many times faster than the training in full
HALVINGS = 200
LEAST_HALF = 5  # networks


@dataclass(frozen=True, slots=True)
class Choice:
    """The proxy with the highest tau on one half, and its tau on the other.

    `proxies`: those it was chosen from; `are_fast`: whether each is as fast as was asked for.
    `halvings`: which share of `count` random halvings chose each proxy; `quartiles`: where the
    middle half of the taus on the other half lies.
    """

    proxies: tuple[Indicator, ...]
    are_fast: bool
    chosen: Indicator
    faster: float | None
    chosen_on: Agreement
    reported_on: Agreement | None
    count: int
    halvings: dict[str, float]
    middle: float
    quartiles: Interval


Halving = tuple[Indicator, list[str], list[str]]
"""The proxy that is best on the first half, that half, and the other."""


def choose(
    indicators: Sequence[Indicator],
    truth: Indicator,
    networks: Sequence[str],
    faster: float = FASTER,
) -> Choice | str:
    """Among proxies: trainings on the truth's data that are reduced or by another recipe.

    Among those that are at least `faster` times as fast as the truth; if there are not two of
    these, among all; over the networks that all of them have. Or why there is no choice.
    """
    proxies = [one for one in indicators if one is not truth and _is_proxy(one, truth)]
    if len(proxies) < 2:
        return f"{len(proxies)} reduced trainings on its data: a choice takes two"
    fast = [one for one in proxies if (faster_by(one, truth, networks) or 0.0) >= faster]
    known = fast if len(fast) > 1 else proxies
    common = [key for key in networks if all(key in one.values for one in known)]
    if len(common) // 2 < LEAST_HALF:
        return f"{len(common)} networks are in all proxies: a choice takes {2 * LEAST_HALF}"
    random = np.random.default_rng(SEED)
    found = [_halving(known, truth, common, random) for _ in range(HALVINGS)]
    told = [one for one in found if one is not None]
    taus = [tau for one, _, rest in told if (tau := _tau(one, truth, rest)) is not None]
    if not taus:
        return "all proxies are level on every half of the networks"
    chosen, half, other = told[0]
    on = _agreement(chosen, truth, half)
    assert on is not None  # or it had not been chosen
    low, middle, high = np.quantile(taus, [0.25, 0.5, 0.75])
    return Choice(
        proxies=tuple(known),
        are_fast=known is fast,
        chosen=chosen,
        faster=faster_by(chosen, truth, common),
        chosen_on=on,
        reported_on=_agreement(chosen, truth, other),
        count=len(told),
        halvings={one.name: sum(best is one for best, *_ in told) / len(told) for one in known},
        middle=float(middle),
        quartiles=Interval(float(low), float(high)),
    )


def _is_proxy(one: Indicator, truth: Indicator) -> bool:
    """Whether it is a training of less, or by another recipe, on the truth's data if it has any."""
    is_another = one.is_reduced or one.altered != truth.altered
    return one.is_trained and is_another and not are_of_other_data(one, truth)


def _halving(
    known: Sequence[Indicator],
    truth: Indicator,
    networks: Sequence[str],
    random: np.random.Generator,
) -> Halving | None:
    """None where every proxy is level on the half."""
    order = [networks[place] for place in random.permutation(len(networks))]
    half, other = order[: len(order) // 2], order[len(order) // 2 :]
    taus = [(tau, one) for one in known if (tau := _tau(one, truth, half)) is not None]
    if not taus:
        return None
    return max(taus, key=lambda pair: pair[0])[1], half, other


def _tau(one: Indicator, truth: Indicator, networks: Sequence[str]) -> float | None:
    found = kendall_tau(one.means(networks), truth.means(networks))
    return found.tau if found else None


def _agreement(one: Indicator, truth: Indicator, networks: Sequence[str]) -> Agreement | None:
    return Resampling(len(networks)).agreement(one.means(networks), truth.means(networks))
