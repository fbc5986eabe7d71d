"""From results to indicators: leaderboards, and what `ranks --out` kept of some."""

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

from sabench.cases.case import Case
from sabench.compare.trust.indicators import Gathered, Indicator, indicators_of, networks_of
from sabench.compare.trust.result import RANKS, Ranked, Truth, read_ranks
from sabench.errors import ResultError
from sabench.store.leaderboard import located, read_leaderboard

COUNTED = ("count", "published")
"""Follows from the networks, whatever was measured of them."""


def gather(sources: Sequence[Path]) -> Gathered:
    """Every indicator of some results, in their order, no two of one name.

    Raises: ResultError for a file that cannot be read, or one in which no network has a figure.
    """
    found: list[Indicator] = []
    networks: dict[str, Case] = {}
    for path in sources:
        here = _kept(path) if _is_ranks(located(path)) else _measured(path)
        for one in here.indicators:
            found.append(replace(one, name=_unused(one.name, path, {one.name for one in found})))
        networks |= here.networks
    return Gathered(tuple(found), networks)


def _measured(path: Path) -> Gathered:
    board = read_leaderboard(path)
    here = tuple(indicators_of(board))
    if not here:
        more = "" if board.is_complete else "; it is not complete: resume the run it is of"
        raise ResultError(f"{path}: no network in it has a figure that could rank it{more}")
    return Gathered(here, networks_of(board))


def _kept(path: Path) -> Gathered:
    ranks = read_ranks(path)
    known: list[Truth | Ranked] = [ranks.truth, *ranks.indicators]
    told = (one for one in known if one.origin not in COUNTED)
    return Gathered(tuple(map(_indicator, told)), dict(ranks.networks))


def _indicator(one: Truth | Ranked) -> Indicator:
    return Indicator(
        name=one.name,
        origin=one.origin,
        better=one.better,
        values=one.values,
        way=one.way,
        seeds=one.seeds,
        recipe=one.recipe,
        altered=one.altered,
        contents=one.contents,
        classes=one.classes,
        seconds=one.seconds,
        lost=one.lost,
        is_reduced=one.is_reduced,
    )


def _is_ranks(path: Path) -> bool:
    """Whether a file says that it holds ranks; what cannot be read is told where it is read."""
    try:
        item = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(item, dict) and item.get("schema") == RANKS


def _unused(name: str, path: Path, taken: set[str]) -> str:
    """The name, with its file's or run folder's where it is taken, and with a number if need be."""
    source = path.parent.name if path.name == "leaderboard.json" else path.stem
    tries = (f"{name} ({source} {number})" for number in count(2))
    candidates = iter((name, f"{name} ({source})"))
    while True:
        told = next(candidates, None) or next(tries)
        if told not in taken:
            return told
