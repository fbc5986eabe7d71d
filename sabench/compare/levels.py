"""A case's figure as a level on the log scale, lower is better, and where noise may move it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sabench.catalog.metrics import METRICS
from sabench.compare.figures import why_no_figure
from sabench.compare.pair import Effect
from sabench.compare.runs import change_of
from sabench.records import MEASURED
from sabench.store.leaderboard import Row

DRAWS = 1000
SEED = 20_190_613  # any: it only makes the draws the same each time

Draws = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Level:
    """The mean log of a case's process medians, turned round where more is better.

    `error` is its standard error with `degrees` of freedom; None where one process is all there is
    of a figure that has noise.
    """

    log: float
    error: float | None
    degrees: int


def reason_without(row: Row | None, metric: str, environment: str) -> str:
    """Why a row has no level on a side of this environment; empty if it has one."""
    if row is None:
        return "not in the result"
    if reason := why_no_figure(row, metric, environment):
        return row.message or reason if row.status not in MEASURED else reason
    return "" if min(row.figures[metric].process_medians) > 0.0 else "not above zero"


def level_of(row: Row, metric: str) -> Level:
    """The level of a row that has one."""
    logs = np.log(np.asarray(row.figures[metric].process_medians))
    sign = -1.0 if METRICS[metric].better == "more" else 1.0
    count = len(logs)
    if count == 1:
        return Level(sign * float(logs[0]), 0.0 if METRICS[metric].exact else None, 1)
    return Level(sign * float(logs.mean()), float(logs.std(ddof=1)) / math.sqrt(count), count - 1)


def better_by(row: Row, than: Row, metric: str) -> Effect:
    """How many times better a row is than another; above 1 is better, whichever way that is."""
    if METRICS[metric].better == "more":
        return change_of(than, row, metric)
    return change_of(row, than, metric)


def redraws(levels: Sequence[Level], stream: int = 0) -> Draws | None:
    """The levels drawn again, each within its own error: a draw a line, a level a column.

    None where an error is not known. Each `stream` has noise of its own.
    Source: Student's t about each mean, as its processes vary.
    """
    if any(level.error is None for level in levels):
        return None
    random = np.random.default_rng((SEED, stream))
    noise = [random.standard_t(level.degrees, DRAWS) * (level.error or 0.0) for level in levels]
    return np.array([level.log for level in levels]) + np.column_stack(noise)
