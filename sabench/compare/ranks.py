"""Who wins on a side, and whether one side's ranking holds on another or follows from MACs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sabench.compare.levels import SEED, Draws, better_by, level_of, redraws
from sabench.compare.pair import Effect
from sabench.stats import Interval, RankAgreement, kendall_tau
from sabench.store.leaderboard import Row

LEAST_CASES = 4
AT_ONCE = 100  # draws, for the memory's sake
MOST_PAIRS = 10_000  # of cases, that noise is followed through; more are told by as many of them

Places = NDArray[np.int64]
Keyed = dict[str, Row]
"""Rows that have a figure, under their common keys, in the order of the base."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The best case of a group on one side, and how sure its place is.

    `level`: cases that are not told apart from it at 99 %. `lead`: how many times better it is
    than `rival`, the best case of another subject. `stays` and `subject_stays`: in which share of
    redraws the case, and its subject, are still best; None where one process is all there is.
    `itself`: where tau of the ranking with its own redraw lies in 95 % of them.
    """

    winner: str
    cases: int
    level: tuple[str, ...]
    rival: str | None
    lead: Effect | None
    stays: float | None
    subject_stays: float | None
    itself: Interval | None


@dataclass(frozen=True, slots=True)
class Ranking:
    """Kendall's tau of two orders of the same cases, and how far noise may move it.

    `found` is None where one order is level throughout. `noise`: where tau lies in 95 % of redraws
    of both orders; None where one process is all there is.
    """

    cases: int
    found: RankAgreement | None
    noise: Interval | None


def standing_of(rows: Keyed, metric: str) -> Standing | None:
    """Who is best of a group on a side; None of an empty one."""
    if not rows:
        return None
    keys = list(rows)
    levels = [level_of(row, metric) for row in rows.values()]
    logs = np.array([level.log for level in levels])
    best = int(logs.argmin())
    winner = rows[keys[best]]
    others = [i for i in range(len(keys)) if rows[keys[i]].case.subject != winner.case.subject]
    rival = keys[min(others, key=lambda i: logs[i])] if others else None
    drawn = redraws(levels)
    stays = subject_stays = None
    if drawn is not None:
        places = drawn.argmin(axis=1)
        stays = float((places == best).mean())
        subject_stays = float((~np.isin(places, others)).mean())
    return Standing(
        winner=keys[best],
        cases=len(keys),
        level=tuple(key for key, row in rows.items() if _is_level(row, winner, metric)),
        rival=rival,
        lead=better_by(winner, rows[rival], metric) if rival else None,
        stays=stays,
        subject_stays=subject_stays,
        itself=_tau_under_noise(logs[np.newaxis], drawn),
    )


def ranking_of(
    one: Sequence[Row], other: Sequence[Row], metric: str, of_other: str = ""
) -> Ranking | None:
    """Whether two sides order the same cases alike, the other by a metric of its own if it has
    one; None below four cases."""
    if len(one) < LEAST_CASES:
        return None
    sides = ((one, metric), (other, of_other or metric))
    levels = [[level_of(row, name) for row in rows] for rows, name in sides]
    found = kendall_tau(*([level.log for level in side] for side in levels))
    noise = _tau_under_noise(redraws(levels[0]), redraws(levels[1], stream=1))
    return Ranking(len(one), found, noise)


def macs_ranking(rows: Sequence[Row], metric: str) -> Ranking | None:
    """Whether fewer MACs are better on a side; None below four cases that have both figures.

    MACs are those of one image forward: None too where batch or mode varies, which they leave out.
    """
    counted = [(row, macs) for row in rows if (macs := row.median("macs"))]
    kinds = {(row.case.batch, row.case.mode) for row, _ in counted}
    if len(counted) < LEAST_CASES or len(kinds) > 1:
        return None
    levels = [level_of(row, metric) for row, _ in counted]
    counts = [macs for _, macs in counted]
    found = kendall_tau(counts, [level.log for level in levels])
    return Ranking(len(counted), found, _tau_under_noise(np.array([counts]), redraws(levels)))


def _is_level(row: Row, winner: Row, metric: str) -> bool:
    """Whether a case is not told apart from the winner, which is not told apart from itself."""
    between = better_by(winner, row, metric).interval
    return between is None or between[0] <= 1.0


def _tau_under_noise(one: Draws | None, other: Draws | None) -> Interval | None:
    """Where tau lies in 95 % of the draws; one line of `one` is held against every draw."""
    if one is None or other is None or one.shape[1] < LEAST_CASES:
        return None
    first, second = _places(one.shape[1])
    taus = [
        tau
        for start in range(0, len(other), AT_ONCE)
        for tau in _taus(
            one[start : start + AT_ONCE] if len(one) > 1 else one,
            other[start : start + AT_ONCE],
            first,
            second,
        )
    ]
    low, high = np.quantile(taus, [0.025, 0.975])
    return Interval(float(low), float(high))


def _places(count: int) -> tuple[Places, Places]:
    """The pairs of so many cases; of very many, as many drawn at random as noise is followed in."""
    if count * (count - 1) // 2 <= MOST_PAIRS:
        first, second = np.triu_indices(count, 1)
        return first, second
    random = np.random.default_rng(SEED)
    first = random.integers(count, size=MOST_PAIRS)
    return first, (first + random.integers(1, count, size=MOST_PAIRS)) % count


def _taus(one: Draws, other: Draws, first: Places, second: Places) -> Draws:
    """Tau-b of each draw over some pairs of its cases; 0 where an order is level throughout."""
    x, y = (np.sign(side[:, first] - side[:, second]) for side in (one, other))
    untied = np.sqrt((x != 0).sum(axis=1) * (y != 0).sum(axis=1))
    agreed = (x * y).sum(axis=1)
    taus: Draws = np.divide(agreed, untied, out=np.zeros_like(agreed), where=untied > 0)
    return taus
