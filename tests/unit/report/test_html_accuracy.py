"""The Pareto front of latency and accuracy: who is on it, and what its accuracy is worth."""

from making_rows import board_of, row_of
from making_trust import network, trained
from sabench.compare.trust.marking import with_accuracy
from sabench.records import Reading
from sabench.report.html.fronts import NO_ACCURACY
from sabench.report.html.page import page_html, page_of
from sabench.report.html.points import name_sources, points_of
from sabench.store.figure import Figure, figure_of
from sabench.store.leaderboard import Leaderboard

NOISE = (0.999, 1.0, 1.001, 1.0, 1.0)


def profile() -> Leaderboard:
    """Wider networks take longer."""
    return board_of(
        [
            row_of(network(width), width, NOISE, figures={"latency_warm": times(width)})
            for width in (0.25, 0.5, 0.75)
        ]
    )


def times(seconds: float) -> Figure:
    """Of five processes."""
    return figure_of([Reading.of("s", [seconds * factor]) for factor in NOISE])


def joined(*, reduced: int = 1) -> Leaderboard:
    """The widest is no better than the second, which is better than the narrowest."""
    accuracies = {0.25: (0.70, 0.71, 0.72), 0.5: (0.90, 0.91, 0.92), 0.75: (0.80, 0.81, 0.82)}
    return with_accuracy(profile(), trained(accuracies, e=reduced), "it.json")


def test_the_front_holds_what_no_other_beats_in_both() -> None:
    sources = name_sources([("it", joined())])
    page = page_of(sources, points_of(sources), "latency_warm")
    figure = next(one for one in page.figures if one.name == "accuracy")
    told = {line.cells[1].text: line.cells[-1].text for line in figure.table.lines}
    assert told == {
        "resnet26 width=0.25": "on the front",
        "resnet26 width=0.5": "on the front",
        "resnet26 width=0.75": "surely behind",
    }
    assert [line.cells[-2].text for line in figure.table.lines] == ["71.0%", "91.0%", "81.0%"]
    assert any("not known how far it ranks" in line for line in figure.says)
    assert NO_ACCURACY not in figure.says
    assert "Pareto front: latency and accuracy" in page_html(page)


def test_without_trainings_there_is_no_such_front() -> None:
    sources = name_sources([("it", profile())])
    page = page_of(sources, points_of(sources), "latency_warm")
    assert "accuracy" not in {one.name for one in page.figures}
