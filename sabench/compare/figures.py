"""Whether a row has a figure that may be compared, and whether those of two rows mean the same."""

import sys

from sabench.catalog.metrics import METRICS
from sabench.records import FLAG_MEANING, MEASURED, Flag
from sabench.store.figure import Figure
from sabench.store.leaderboard import Row


def why_no_figure(row: Row, metric: str, environment: str) -> str:
    """Why a row has no figure to compare; empty if it has one.

    `environment`: the id of the one that its result tells. A run that was resumed elsewhere keeps
    the rows of both places under the later one.
    """
    if row.status not in MEASURED:
        return str(row.status)
    if len(row.environments) > 1:
        return f"measured in {len(row.environments)} environments"
    if row.environments != (environment,):
        return "measured in another environment than its result tells"
    figure = row.figures.get(metric)
    if figure is None or not figure.process_medians:
        return (figure.reason if figure else "") or "not measured"
    return ""


def why_no_ratio(base: Row, new: Row, metric: str, environments: tuple[str, str]) -> str:
    """Why two rows have no ratio, and which of them is to blame; empty if they have one."""
    sides = (("base", base, environments[0]), ("new", new, environments[1]))
    for name, row, environment in sides:
        if reason := why_no_figure(row, metric, environment):
            return f"{name}: {reason}"
    least = 0.0 if is_exact(base, new, metric) else sys.float_info.min
    for name, row, _ in sides:
        if min(row.figures[metric].process_medians) < least:
            return f"{name}: not above zero"
    if base.data_sha256 and new.data_sha256 and base.data_sha256 != new.data_sha256:
        return "base and new are of other data: their checksums differ"
    return why_unlike(base.figures[metric], new.figures[metric])


def why_unlike(base: Figure, new: Figure) -> str:
    """Why two figures of one metric do not mean the same; empty if they do.

    What an older version did not write is taken to be alike.
    """
    if is_unproved(base) != is_unproved(new):
        return f"{'base' if is_unproved(base) else 'new'} alone: {FLAG_MEANING[Flag.COLD_UNPROVED]}"
    if base.timing and new.timing and base.timing != new.timing:
        modes = [" and ".join(figure.timing) for figure in (base, new)]
        return f"base timed by {modes[0]}, new by {modes[1]}"
    return ""


def is_unproved(figure: Figure) -> bool:
    """Whether a cold figure may be a warm one."""
    return Flag.COLD_UNPROVED in figure.flags


def is_exact(base: Row, new: Row, metric: str) -> bool:
    """Whether the figure is a count that all processes of a side agree in, on both sides."""
    counted = metric in METRICS and METRICS[metric].exact
    return counted and all(len({*row.figures[metric].process_medians}) == 1 for row in (base, new))
