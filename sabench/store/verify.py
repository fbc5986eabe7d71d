"""Recomputes what a run or a leaderboard states from what it states it of."""

import math
from pathlib import Path
from typing import Any

from sabench.errors import ResultError
from sabench.records import Status
from sabench.store import journal
from sabench.store.figure import Figure, mean_interval, process_interval
from sabench.store.leaderboard import Leaderboard, leaderboard_of, rank, read_leaderboard
from sabench.store.run_folder import RunFolder

ADDED = frozenset(
    {
        *("surroundings", "in_process_sd", "icc", "timing"),
        *("classes", "seeds", "seen", "unseen", "unseen_weights"),
    }
)
"""What leaderboards of an earlier version do not state."""


def verify(path: Path) -> list[str]:
    """What does not add up in a run folder or a leaderboard file; empty when all does.

    A run folder: hashes and statistics of all samples, then its leaderboard from its journal.
    A leaderboard alone: intervals from process medians, and the ranks.

    Raises: ResultError if something cannot be read at all.
    """
    if not path.is_dir():
        return verify_leaderboard(read_leaderboard(path))
    folder = RunFolder.open(path)
    found = verify_samples(folder)
    if folder.leaderboard_file.exists():
        stored = read_leaderboard(path)
        found += verify_leaderboard(stored)
        try:
            again = leaderboard_of(folder, journal.read(folder))
        except ResultError as error:  # samples are gone, or not those that were measured
            return list(dict.fromkeys([*found, str(error)]))
        as_old = {"schema_version": stored.schema_version}
        if not _agree(stored.dump(), again.dump() | as_old):
            found.append(f"{folder.leaderboard_file.name} is not what the journal gives")
    return found


def verify_samples(folder: RunFolder) -> list[str]:
    """Readings whose samples are gone, or whose statistics do not follow from them."""
    found: list[str] = []
    for record in journal.read(folder):
        for metric, reading in record.readings.items():
            where = f"{record.case_id} {record.device} replicate {record.replicate}: {metric}"
            try:
                samples = journal.load_samples(folder, metric, reading)
            except ResultError as error:
                found.append(str(error))
                continue
            wrong = journal.disagreements(reading, samples)
            found += [f"{where}: {name} does not follow from the samples" for name in wrong]
    return found


def verify_leaderboard(board: Leaderboard) -> list[str]:
    """Intervals that do not follow from the process medians, ranks that do not from intervals."""
    found = [
        f"{row.case_id}: {metric}: the interval does not follow from the process medians"
        for row in board.rows
        if row.status is not Status.INTERRUPTED
        for metric, figure in row.figures.items()
        if not _interval_follows(figure)
    ]
    ranked = tuple(row for _, rows in board.groups() for row in rank(rows, board.rank_by))
    if ranked != board.rows:
        found.append("the ranks do not follow from the figures")
    return found


def _interval_follows(figure: Figure) -> bool:
    count = len(figure.process_medians)
    if count < 2:
        return True  # an order-statistic interval is held against the samples, not the median
    of_seeds = figure.mean is not None
    interval, kind = (mean_interval if of_seeds else process_interval)(figure.process_medians)
    return kind == figure.interval_kind and _agree(
        [interval.low, interval.high], [figure.low, figure.high]
    )


def _agree(one: Any, other: Any) -> bool:
    """Stored and found are equal, but for the last digits, which hang on mathematical libraries."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9)
    if isinstance(one, dict) and isinstance(other, dict):
        wanted = other.keys() - (ADDED - one.keys())
        return one.keys() == wanted and all(_agree(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_agree, one, other))
    return bool(one == other)
