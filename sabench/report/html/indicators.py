"""What "The Efficiency Misnomer" asks of a leaderboard: every cost indicator, none alone.

Source: Dehghani et al. 2021 (arXiv:2110.12894).
"""

from sabench.report.html.curves import panel_group
from sabench.report.html.figure import LEAST, Cell, Line, Sheet, Table, by_group, name_of
from sabench.report.html.points import LATENCY, Point
from sabench.stats import kendall_tau

INDICATORS = ("params", "macs", "macs_executed", "peak_allocated", "peak_rss_growth", "energy")
"""Costs that are held against the time; those that were measured."""

CAUTIONS = (
    "Quality was not measured: nothing here says that a faster layer is a better one. Costs are to "
    "be read beside accuracy, as curves.",
    "Claims hold for the device, dtype, batch, mode and software that stand beside them, and for "
    "no other: see the groups and the environment.",
    "MACs are theory: they leave out what can run side by side and what waits for memory. Counted "
    "are the projections, q.k, q.r and a.v; softmax, pooling and interpolation are not.",
    "Training time was not measured: it belongs to a recipe.",
    "Layers of equal parameters are not layers of equal work: parameters, MACs, time and memory "
    "stand side by side, and each ranks the layers differently.",
)


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
    pairs = [
        (value, point.value(LATENCY) or 0.0) for point in points if (value := point.value(name))
    ]
    found = kendall_tau([one for one, _ in pairs], [time for _, time in pairs]) if pairs else None
    if found is None:
        return Cell("all level")
    if found.interval is None:
        return Cell(f"{found.tau:.2f} ({found.n} cases)", found.tau)
    between = f"{found.interval.low:.2f} to {found.interval.high:.2f}"
    return Cell(f"{found.tau:.2f} ({between})", found.tau)
