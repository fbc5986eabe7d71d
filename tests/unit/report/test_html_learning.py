"""The chart of trainings from epoch to epoch, and what a page of trainings shows and says."""

from collections.abc import Sequence

from making_rows import board_of, row_of
from making_trust import network, trained
from sabench.cases.recipe import MeanEpoch
from sabench.records import Status
from sabench.report.html.figure import Figure
from sabench.report.html.indicators import NO_QUALITY, NO_TRAINING
from sabench.report.html.page import Page, page_html, page_of
from sabench.report.html.points import metric_of, name_sources, points_of
from sabench.store.leaderboard import Leaderboard


def epoch(accuracy: float, *ends: float, loss: float | None = 1.0) -> MeanEpoch:
    least, most = ends or (None, None)
    return MeanEpoch(
        train_loss=loss,
        test_loss=2.0,
        accuracy=accuracy,
        seconds=1.0,
        accuracy_least=least,
        accuracy_most=most,
    )


CURVES = {
    0.25: (epoch(0.2, 0.1, 0.4, loss=None), epoch(0.7, 0.6, 0.8)),
    0.5: (epoch(0.3), epoch(0.9)),  # of a result that tells no range
}


def learnt(curves: dict[float, Sequence[MeanEpoch]]) -> Leaderboard:
    board = trained(dict.fromkeys(curves, (0.70, 0.71, 0.72)))
    rows = [
        row.model_copy(update={"curve": tuple(curve)})
        for row, curve in zip(board.rows, curves.values(), strict=True)
    ]
    return board.model_copy(update={"rows": tuple(rows)})


def made(board: Leaderboard) -> tuple[Page, list[Figure]]:
    sources = name_sources([("it", board)])
    page = page_of(sources, points_of(sources), metric_of(sources))
    return page, [one for one in page.figures if one.name == "learning"]


def test_a_line_joins_the_mean_accuracies_of_a_network_with_the_range_of_its_seeds() -> None:
    (figure,) = made(learnt(CURVES))[1]
    (panel,) = figure.panels
    told = [
        tuple(value[key] for key in ("id", "x", "y", "y0", "y1"))
        for value in panel.spec["datasets"]["points"]
    ]
    assert told == [
        (0, 1, 0.2, 0.1, 0.4),
        (0, 2, 0.7, 0.6, 0.8),
        (1, 1, 0.3, 0.3, 0.3),
        (1, 2, 0.9, 0.9, 0.9),
    ]
    series = {value["id"]: value["series"] for value in panel.spec["datasets"]["points"]}
    assert series[0] != series[1]
    assert panel.spec["datasets"]["points"][0]["interval"] == "10.0% to 40.0% (range of 3 seeds)"


def test_a_training_that_lacks_seeds_is_drawn_pale() -> None:
    board = learnt(CURVES)
    missing = {"status": Status.INTERRUPTED, "processes": 1}
    rows = (board.rows[0].model_copy(update=missing), board.rows[1])
    (figure,) = made(board.model_copy(update={"rows": rows}))[1]
    told = {
        value["id"]: (value["strength"], value["interval"])
        for value in figure.panels[0].spec["datasets"]["points"]
    }
    assert told == {0: (0.35, "one seed"), 1: (1.0, "mean of 3 seeds, their range not told")}


def test_its_table_has_every_epoch_with_both_losses() -> None:
    (figure,) = made(learnt(CURVES))[1]
    lines = [[cell.text for cell in line.cells[1:]] for line in figure.table.lines]
    assert lines[0] == ["resnet26 width=0.25 resolution=16", "1", "20.0%", "2.000", "-"]
    assert lines[3] == ["resnet26 width=0.5 resolution=16", "2", "90.0%", "2.000", "1.000"]
    assert [line.numbers for line in figure.table.lines] == [(0,), (0,), (1,), (1,)]


def test_one_epoch_and_what_was_never_trained_give_no_chart() -> None:
    assert made(learnt({0.25: CURVES[0.25][:1], 0.5: ()}))[1] == []


def test_a_page_of_trainings_shows_accuracy_and_says_what_was_measured() -> None:
    page, _ = made(learnt(CURVES))
    assert page.sheet.metric == "accuracy"
    html = page_html(page)
    assert NO_QUALITY not in html
    assert NO_TRAINING not in html
    assert "Accuracy from epoch to epoch" in html
    timed, _ = made(board_of([row_of(network(0.25), 1.0), row_of(network(0.5), 2.0)]))
    assert timed.sheet.metric == "latency_warm"
    assert NO_QUALITY in page_html(timed)
    assert NO_TRAINING in page_html(timed)


def test_networks_are_coloured_by_their_layers_where_they_are_told() -> None:
    cases = [network(0.25), network(0.5)]
    cases[1] = cases[1].model_copy(update={"options": {"mix": "halo"}})
    page, _ = made(board_of([row_of(case, 1.0) for case in cases]))
    assert page.sheet.marks.names == ("halo", "resnet26")
