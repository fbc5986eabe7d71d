"""How the accuracy of a training grows from epoch to epoch."""

from collections.abc import Iterator
from functools import partial

from sabench.report.columns import SHOWN_AS
from sabench.report.html.axes import Axis
from sabench.report.html.charts import scatter
from sabench.report.html.curves import panel_group
from sabench.report.html.figure import Cell, Drawing, Figure, Line, Sheet, Table, by_group, capped
from sabench.report.html.points import Point
from sabench.report.plain import plain

SAYS = (
    "On the test split after each epoch, by the weights as they are then: the mean over seeds, and "
    "the range of the seeds as a bar; pale while seeds are missing. The accuracy of the records is "
    "the last epoch's, by averaged weights where the recipe averages them.",
)
DOT = 25  # many stand in a row


def learning(sheet: Sheet) -> Iterator[Figure]:
    """Accuracy against the epoch, for the networks that were trained for more than one."""
    panels: list[Drawing] = []
    lines: list[Line] = []
    trained = [point for point in sheet.points if len(point.row.curve) > 1]
    across = Axis("epoch", "number", even=True)
    upwards = Axis("accuracy on the test split", "share", even=True)
    for group, points in by_group(trained, panel_group).items():
        values = [value for point in points for value in _values(point)]
        drawn = partial(scatter, values, sheet.marks, across, upwards, joined=True, dot=DOT)
        panels.append((group, drawn))
        lines += [line for point in points for line in _lines(point, group)]
    if panels:
        shown, left_out = capped(panels)
        titles = ("group", "network", "epoch", "accuracy", "test loss", "train loss")
        table = Table(titles, tuple(lines))
        title = "Accuracy from epoch to epoch"
        yield Figure("learning", title, (*SAYS, *left_out), shown, table)


def _values(point: Point) -> Iterator[dict[str, str | float]]:
    for epoch, one in enumerate(point.row.curve, 1):
        least = one.accuracy if one.accuracy_least is None else one.accuracy_least
        most = one.accuracy if one.accuracy_most is None else one.accuracy_most
        share, seeds = SHOWN_AS["share"], point.row.processes
        ends = f"{share(least)} to {share(most)} (range of {seeds} seeds)"
        if one.accuracy_least is None:
            ends = f"mean of {seeds} seeds, their range not told"
        yield {
            "id": point.number,
            "layer": plain(point.layer),
            "label": plain(point.label),
            "case": plain(point.row.case_id),
            "side": plain(point.side),
            "series": f"{point.row.case_id} {point.run}",
            "status": point.status,
            "told": share(one.accuracy),
            "interval": ends if seeds > 1 else "one seed",
            "strength": 1.0 if point.is_measured else 0.35,
            "x": epoch,
            "x_told": f"{epoch}",
            "y": one.accuracy,
            "y0": least,
            "y1": most,
        }


def _lines(point: Point, group: str) -> Iterator[Line]:
    for epoch, one in enumerate(point.row.curve, 1):
        losses = [
            Cell("-") if loss is None else Cell(f"{loss:.3f}", loss)
            for loss in (one.test_loss, one.train_loss)
        ]
        accuracy = Cell(SHOWN_AS["share"](one.accuracy), one.accuracy)
        cells = (Cell(group), Cell(point.label), Cell(f"{epoch}", epoch), accuracy, *losses)
        yield Line(cells, (point.number,))
