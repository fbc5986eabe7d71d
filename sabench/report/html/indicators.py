"""What "The Efficiency Misnomer" asks of a leaderboard: every cost indicator, none alone.

Source: Dehghani et al. 2021 (arXiv:2110.12894).
"""

from sabench.compare.ranks import ranking_of
from sabench.report.html.curves import panel_group
from sabench.report.html.figure import LEAST, Cell, Line, Sheet, Table, between, by_group, name_of
from sabench.report.html.points import LATENCY, Point

INDICATORS = ("params", "macs", "macs_executed", "peak_allocated", "peak_rss_growth", "energy")
"""Costs that are held against the time; those that were measured."""

NO_QUALITY = (
    "Quality was not measured: nothing here says that a faster layer is a better one. Costs are to "
    "be read beside accuracy, as curves."
)
NO_TRAINING = "Training time was not measured: it belongs to a recipe."
CAUTIONS = (
    "Claims hold for the device, dtype, batch, mode and software that stand beside them, and for "
    "no other: see the groups and the environment.",
    "MACs are theory: they leave out what can run side by side and what waits for memory. Counted "
    "are the projections, q.k, q.r and a.v; softmax, pooling and interpolation are not.",
    "Layers of equal parameters are not layers of equal work: parameters, MACs, time and memory "
    "stand side by side, and each ranks the layers differently.",
    "Growth of RSS, where it stands, is read in one process a case: its noise is not known.",
)


def cautions(sheet: Sheet) -> list[str]:
    """What is to be kept in mind, with what was not measured."""
    told = ("accuracy", "train_time")
    measured = {name for name in told for point in sheet.points if point.figure(name)}
    quality = [] if "accuracy" in measured else [NO_QUALITY]
    return [*quality, *CAUTIONS, *([] if "train_time" in measured else [NO_TRAINING])]


def indicator_table(sheet: Sheet) -> Table | None:
    """Kendall's tau between every cost and the time, in each group; None where none is told."""
    timed = [p for p in sheet.points if p.is_measured and p.value(LATENCY) is not None]
    known = [name for name in INDICATORS if any(point.value(name) for point in timed)]
    lines = []
    for group, points in by_group(timed, panel_group).items():
        if len(points) > LEAST:
            cells = [_tau(points, name) for name in known]
            told = Cell(str(len(points)), len(points))
            numbers = tuple(point.number for point in points)
            lines.append(Line((Cell(group), told, *cells), numbers))
    if not lines or not known:
        return None
    return Table(("group", "cases", *(name_of(name) for name in known)), tuple(lines))


def _tau(points: list[Point], name: str) -> Cell:
    rows = [p.row for p in points if _is_told(p, name) and _is_told(p, LATENCY)]
    ranking = ranking_of(rows, rows, name, LATENCY)
    found = ranking.found if ranking else None
    if ranking is None or found is None:
        return Cell("too few or all level")
    told = [between(found.interval) if found.interval else f"{found.n} cases"]
    if ranking.noise:
        told.append(f"in noise {between(ranking.noise)}")
    return Cell(f"{found.tau:.2f} ({'; '.join(told)})", found.tau)


def _is_told(point: Point, name: str) -> bool:
    """Whether every process has a figure above zero."""
    found = point.figure(name)
    return (
        point.value(name) is not None
        and found is not None
        and min(found.process_medians, default=0.0) > 0.0
    )
