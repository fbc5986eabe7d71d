"""Accuracy beside latency: a profile joined with its networks' trainings, and what that is worth.

An accuracy for which no rank agreement is known is marked so.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sabench.cases.case import REDUCTIONS, Case, Scalar, show_scalar
from sabench.cases.recipe import Recipe
from sabench.compare.trust.indicators import (
    ACCURACY,
    Way,
    are_of_one_content,
    contents_of,
    plain_case,
    way_of,
)
from sabench.compare.trust.result import Ranked, Ranks, Truth, read_ranks
from sabench.errors import ConfigError, ResultError
from sabench.records import SHOWN
from sabench.store.figure import Figure
from sabench.store.leaderboard import Leaderboard, Row, read_leaderboard

TRAINED_BY = ("data", "c", "r", "s", "e", "batch", "autocast")
"""What makes one accuracy of a network another, beside the recipe."""


@dataclass(frozen=True, slots=True)
class Trained:
    """Trainings by one recipe, one reduction of it and on one kind of data.

    `altered`: what of the recipe the suite says otherwise.
    """

    recipe: Recipe | None
    altered: Mapping[str, Scalar]
    way: Way
    networks: frozenset[str]
    contents: dict[int, str]  # the hash of the data, by resolution

    @property
    def told(self) -> str:
        """'digits e=16', 'digits epochs=1', or 'digits in full'."""
        less = [f"{key}={self.way[key]}" for key in REDUCTIONS if self.way[key] != "1"]
        less += [f"{key}={show_scalar(value)}" for key, value in self.altered.items()]
        return f"{self.way['data']} {','.join(less) or 'in full'}"

    def is_like(self, other: Ranked | Truth) -> bool:
        """Whether an indicator of `sabench ranks` is of trainings by the same means.

        Data of one name are the same unless both tell hashes and these differ.
        """
        return (
            other.origin == "training"
            and all(self.way[key] == other.way.get(key) for key in TRAINED_BY)
            and are_of_one_content(self.contents, other.contents)
            and self.recipe == other.recipe
        )


def trusted(board: Leaderboard, beside: Path | None, ranks: Path | None) -> Leaderboard:
    """A leaderboard with the accuracies of the trainings in one file, or its own, and what those in
    another tell of their worth.

    Raises: as `with_accuracy` and `marked`; ResultError for a file that cannot be read.
    """
    known = read_ranks(ranks) if ranks else None
    if beside:
        return with_accuracy(board, read_leaderboard(beside), str(beside), known)
    return marked(board, known) if known else board


def marked(board: Leaderboard, ranks: Ranks) -> Leaderboard:
    """A leaderboard of trainings with what its accuracies are worth, as far as `ranks` tells.

    Raises: ConfigError for one without a training.
    """
    trainings = trainings_in(board)
    if not trainings:
        raise ConfigError("no training is in it whose accuracy could be marked: add some by --with")
    lines = [mark(one, ranks) for one in trainings]
    return board.model_copy(update={"notes": (*board.notes, *lines)})


def with_accuracy(
    board: Leaderboard, trained: Leaderboard, name: str, ranks: Ranks | None = None
) -> Leaderboard:
    """A profile whose networks have the accuracy of their trainings beside their latency.

    Joined by network and options; where several resolutions were trained, by that too.
    Raises: ResultError if no network is in both; ConfigError if `trained` holds several ways of
    training, or the leaderboard has accuracies of its own.
    """
    if ACCURACY in board.metrics:
        raise ConfigError("it has accuracies of its own: name a profile first, then --with these")
    ways = trainings_in(trained)
    if len(ways) > 1:
        told = "; ".join(f"{one.told}, batch {one.way['batch']}" for one in ways)
        raise ConfigError(f"{name} holds {len(ways)} ways of training ({told}): join one of them")
    rows = [row for row in trained.rows if _is_trained(row)]
    if not rows:
        raise ResultError(f"{name} holds no training that ended: sabench train makes some")
    trainings = [_training(row.case, rows) for row in board.rows]
    figures = [one.figures.get(ACCURACY) if one else None for one in trainings]
    known = [figure for figure in figures if figure is not None]
    if not known:
        raise ResultError(f"{name}: none of its trainings is of a network of this leaderboard")
    absent = Figure(unit="1", reason=f"not trained in {name}")
    joined = tuple(
        row.model_copy(update={"figures": row.figures | {ACCURACY: figure or absent}})
        for row, figure in zip(board.rows, figures, strict=True)
    )
    seeds = min(len(figure.process_medians) for figure in known)
    notes = (
        f"Accuracy of {len(known)} of {len(joined)} cases from {name}: {ways[0].told}, "
        f"{seeds} seed{'s' if seeds != 1 else ''}.",
        *_elsewhere(zip(board.rows, trainings, strict=True)),
        mark(ways[0], ranks),
    )
    metrics = (*board.metrics, ACCURACY)
    update = {"rows": joined, "notes": (*board.notes, *notes), "metrics": metrics}
    return board.model_copy(update=update)


def trainings_in(board: Leaderboard) -> list[Trained]:
    """The ways of training in a leaderboard, in its order; device and threads make no other."""
    found: list[tuple[Way, list[Row]]] = []
    for row in filter(_is_trained, board.rows):
        way = {key: value for key, value in way_of(row, board).items() if key in TRAINED_BY}
        rows = next((those for other, those in found if other == way), None)
        if rows is None:
            found.append((way, rows := []))
        rows.append(row)
    return [
        Trained(
            board.recipe,
            board.altered,
            way,
            frozenset(plain_case(row.case).case_id for row in rows),
            contents_of(rows),
        )
        for way, rows in found
    ]


def mark(trained: Trained, ranks: Ranks | None) -> str:
    """What these accuracies are worth, in a line."""
    told = f"Accuracy by {trained.told}"
    unknown = f"{told}: not known how far it ranks as a training in full would (sabench ranks)."
    if ranks is None:
        return unknown
    ceiling = ranks.seed_ceiling.tau
    if trained.is_like(ranks.truth) and trained.networks <= ranks.truth.values.keys():
        sure = f"one seed ranks as another with tau {ceiling:.2f}" if ceiling is not None else ""
        return f"{told} is what other accuracies are held against; {sure or 'it has one seed'}."
    found = next((one for one in ranks.indicators if trained.is_like(one)), None)
    if found is None or found.overall is None or not trained.networks <= found.values.keys():
        return unknown
    interval = found.overall.interval
    sure = f", 95 % {interval[0]:.2f}..{interval[1]:.2f}" if interval else ""
    against = f"; seed ceiling {ceiling:.2f}" if ceiling is not None else ""
    return (
        f"{told} ranks {found.overall.networks} networks as {ranks.truth.name} does with tau "
        f"{found.overall.tau:.2f}{sure}{against}."
    )


def _is_trained(row: Row) -> bool:
    return row.case.mode == "train" and row.status in SHOWN


def _elsewhere(joined: Iterable[tuple[Row, Row | None]]) -> list[str]:
    """That accuracies are of other resolutions than the rows beside which they stand."""
    pairs = {
        (training.case.resolution, row.case.resolution)
        for row, training in joined
        if training is not None and training.case.resolution != row.case.resolution
    }
    told = ", ".join(f"{mine} px beside {its} px" for mine, its in sorted(pairs, key=str))
    return [f"Trained at another resolution than measured at: {told}."] if pairs else []


def _training(case: Case, trained: Sequence[Row]) -> Row | None:
    """That of the same network: at the same resolution, or the only one there is."""
    same = [
        row
        for row in trained
        if (row.case.subject, row.case.options) == (case.subject, case.options)
    ]
    exact = [row for row in same if row.case.resolution == case.resolution]
    if case.kind != "network" or not same or (not exact and len(same) > 1):
        return None
    return (exact or same)[0]
