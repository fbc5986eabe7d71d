"""A view of a leaderboard that has each layer once: in its best implementation."""

from collections.abc import Sequence

from sabench.records import MEASURED
from sabench.store.leaderboard import Leaderboard, Row, overlap, rank


def best_implementations(board: Leaderboard) -> Leaderboard:
    """Of the rows of a group that differ in their implementation alone the best, ranked anew.

    The best is the one that the leaderboard puts first: measured before disturbed, then by the
    figure that it ranks by. `level_with` of a row names those whose intervals overlap its own.
    """
    rows: list[Row] = []
    for _, group in board.groups():
        rivals: dict[str, list[Row]] = {}
        for row in group:
            plain = row.case.model_copy(update={"implementation": ""})
            rivals.setdefault(plain.case_id, []).append(row)
        found = [_best(those, board.rank_by) for those in rivals.values()]
        rows += rank(found, board.rank_by)
    return board.model_copy(update={"rows": tuple(rows), "is_of_best": True})


def _best(rivals: Sequence[Row], rank_by: str) -> Row:
    best, *others = rivals
    level = tuple(
        row.case.implementation
        for row in others
        if best.status in MEASURED and row.status in MEASURED and overlap(best, row, rank_by)
    )
    return best.model_copy(update={"level_with": level})
