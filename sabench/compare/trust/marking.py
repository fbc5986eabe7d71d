"""Accuracy beside latency: a profile joined with its networks' trainings, and what that is worth.

An accuracy for which no rank agreement is known is marked so.
"""

from collections.abc import Sequence

from sabench.cases.case import Case
from sabench.compare.trust.indicators import ACCURACY, way_of
from sabench.compare.trust.result import Ranked, Ranks
from sabench.errors import ConfigError, ResultError
from sabench.records import SHOWN
from sabench.store.leaderboard import Leaderboard, Row
from sabench.store.summary import Figure

RECIPE = ("data", "c", "r", "s", "e")
"""What makes one accuracy of a network another."""


def marked(board: Leaderboard, ranks: Ranks | None) -> Leaderboard:
    """A leaderboard of trainings with what its accuracies are worth, as far as `ranks` tells."""
    ways = {tuple(recipe_of(way_of(row)).items()) for row in _trained(board)}
    lines = [mark(dict(way), ranks) for way in sorted(ways)]
    return board.model_copy(update={"notes": (*board.notes, *lines)})


def with_accuracy(
    board: Leaderboard, trained: Leaderboard, name: str, ranks: Ranks | None = None
) -> Leaderboard:
    """A profile whose networks have the accuracy of their trainings beside their latency.

    Joined by network and options; where several resolutions were trained, by that too.
    Raises: ResultError if no network is in both, ConfigError if `trained` holds more than one way
    of training.
    """
    rows = _trained(trained)
    ways = [dict(one) for one in {tuple(recipe_of(way_of(row)).items()): None for row in rows}]
    if len(ways) > 1:
        told = "; ".join(", ".join(f"{key}={value}" for key, value in way.items()) for way in ways)
        raise ConfigError(f"{name} holds {len(ways)} ways of training ({told}): join one of them")
    accuracies = [_accuracy(row.case, rows) for row in board.rows]
    found = sum(accuracy is not None for accuracy in accuracies)
    if not found:
        raise ResultError(f"{name}: none of its trainings is of a network of this leaderboard")
    absent = Figure(unit="1", reason=f"not trained in {name}")
    joined = tuple(
        row.model_copy(update={"figures": row.figures | {ACCURACY: accuracy or absent}})
        for row, accuracy in zip(board.rows, accuracies, strict=True)
    )
    notes = (
        f"Accuracy of {found} of {len(joined)} cases from {name}: {_told(ways[0])}, "
        f"{trained.preset.processes} seeds.",
        mark(ways[0], ranks),
    )
    metrics = (*board.metrics, ACCURACY)
    update = {"rows": joined, "notes": (*board.notes, *notes), "metrics": metrics}
    return board.model_copy(update=update)


def mark(recipe: dict[str, str], ranks: Ranks | None) -> str:
    """What an accuracy by that recipe is worth, in a line."""
    told = f"Accuracy by {_told(recipe)}"
    if ranks is not None and recipe_of(ranks.truth.way) == recipe:
        ceiling = ranks.seed_ceiling.tau
        sure = f"one seed ranks as another with tau {ceiling:.2f}" if ceiling is not None else ""
        return f"{told} is what other accuracies are held against; {sure or 'it has one seed'}."
    found = _found(recipe, ranks)
    if ranks is None or found is None or found.overall is None:
        return f"{told}: not known how far it ranks as a training in full would (sabench ranks)."
    interval = found.overall.interval
    sure = f", 95 % {interval[0]:.2f}..{interval[1]:.2f}" if interval else ""
    ceiling = ranks.seed_ceiling.tau
    against = f"; seed ceiling {ceiling:.2f}" if ceiling is not None else ""
    return (
        f"{told} ranks {found.overall.networks} networks as {ranks.truth.name} does with tau "
        f"{found.overall.tau:.2f}{sure}{against}."
    )


def recipe_of(way: dict[str, str]) -> dict[str, str]:
    """Of all that a row's way tells, what makes its accuracy."""
    return {key: way[key] for key in RECIPE if key in way}


def _told(recipe: dict[str, str]) -> str:
    reduced = [f"{key}={value}" for key, value in recipe.items() if key != "data" and value != "1"]
    return f"{recipe.get('data', 'data untold')} {','.join(reduced) or 'in full'}"


def _found(recipe: dict[str, str], ranks: Ranks | None) -> Ranked | None:
    known = ranks.indicators if ranks is not None else ()
    return next((o for o in known if o.origin == "training" and recipe_of(o.way) == recipe), None)


def _trained(board: Leaderboard) -> list[Row]:
    return [row for row in board.rows if row.case.mode == "train" and row.status in SHOWN]


def _accuracy(case: Case, trained: Sequence[Row]) -> Figure | None:
    same = [
        row
        for row in trained
        if (row.case.subject, row.case.options) == (case.subject, case.options)
    ]
    exact = [row for row in same if row.case.resolution == case.resolution]
    if case.kind != "network" or not same or (not exact and len(same) > 1):
        return None
    return (exact or same)[0].figures.get(ACCURACY)
