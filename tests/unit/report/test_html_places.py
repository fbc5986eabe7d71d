"""One place against another on the page: what compare refuses is not compared here either."""

from collections.abc import Sequence

import pytest

from making_rows import NOISY, board_of, figure_of, row_of
from making_runs import case, environment, preset
from sabench.cases.case import Case
from sabench.records import Status
from sabench.report.html.figure import Figure, Sheet
from sabench.report.html.page import page_of
from sabench.report.html.places import places
from sabench.report.html.points import Point, name_sources, points_of
from sabench.report.html.theme import PAGE, Marks
from sabench.store.leaderboard import Leaderboard, Row

WINDOWS = (3, 5, 7, 9, 11)
ONE, OTHER = environment("One"), environment("Other")


def rows(where: str, times: float = 1.0, factors: Sequence[float] = NOISY) -> list[Row]:
    """Convolutions in the order of their windows; so many MACs, so much time."""
    return [
        row_of(wide(one), times * 1e-5 * 2**one, factors, macs=2**one, environments=(where,))
        for one in WINDOWS
    ]


def wide(window: int) -> Case:
    return case(options={"window": window})


def devices(*boards: Leaderboard, metric: str = "latency_warm") -> Figure:
    sources = name_sources([(str(number), one) for number, one in enumerate(boards)])
    return devices_of(points_of(sources), metric)


def devices_of(points: Sequence[Point], metric: str = "latency_warm") -> Figure:
    sheet = Sheet(points, metric, Marks.of(["conv"], PAGE))
    (figure,) = (one for one in places(sheet) if one.name == "devices")
    return figure


def told(figure: Figure) -> list[str]:
    """What stands in the column of intervals."""
    return [line.cells[-1].text for line in figure.table.lines]


def test_a_ratio_is_of_geometric_means_with_compares_interval() -> None:
    figure = devices(board_of(rows(ONE.id), ONE), board_of(rows(OTHER.id, 2.0), OTHER))
    ratios = [line.cells[-2].sort for line in figure.table.lines]
    assert ratios == pytest.approx([2.0] * 5)
    assert len(set(told(figure))) == 1
    low, high = map(float, told(figure)[0].split(" to "))
    # sd of the logs of NOISY 0.015816, two sides of five: error 0.010003; t(0.995; 8) is 3.3554
    assert (low, high) == pytest.approx((2 * 0.96699, 2 * 1.03414), rel=3e-4)


def test_the_group_of_two_sides_does_not_name_what_tells_them_apart() -> None:
    found = [
        row_of(case(channels=one, threads=threads), one * 1e-5, environments=(ONE.id,))
        for threads in (1, 2)
        for one in (16, 32, 64)
    ]
    sources = name_sources([("a", board_of(found, ONE))])
    figure = devices_of(points_of(sources, across=["threads"]))
    groups = [line.cells[2].text for line in figure.table.lines]
    assert len(set(groups)) == 3
    assert not any("thread" in group or "cpu" in group for group in groups)


def test_a_disturbed_case_has_its_reason_in_place_of_a_ratio() -> None:
    late = rows(OTHER.id)
    late[1] = late[1].model_copy(update={"status": Status.CONTENDED})
    figure = devices(board_of(rows(ONE.id), ONE), board_of(late, OTHER))
    assert told(figure)[1] == "not compared: new: contended"
    assert figure.table.lines[1].cells[-2].text == "-"
    assert "not compared" not in told(figure)[0]
    (panel,) = figure.panels
    values = panel.spec["datasets"]["points"]
    assert [value["strength"] for value in values] == [1.0, 0.35, 1.0, 1.0, 1.0]
    assert "4 cases" in figure.says[-1]


def test_a_case_measured_elsewhere_is_not_compared() -> None:
    late = [*rows(OTHER.id)[1:], *rows(ONE.id)[:1]]
    figure = devices(board_of(rows(ONE.id), ONE), board_of(late, OTHER))
    assert [one.startswith("not compared: new: ") for one in told(figure)] == [True, *[False] * 4]


def test_unlike_presets_are_not_compared() -> None:
    quick = board_of(rows(OTHER.id), OTHER, preset=preset(name="quick", processes=5))
    figure = devices(board_of(rows(ONE.id), ONE), quick)
    assert all("preset" in one and one.startswith("not compared") for one in told(figure))
    assert "0 cases, too few" in figure.says[-1]


def test_one_device_in_unlike_environments_is_not_compared() -> None:
    first, second = environment("One", torch="2.12"), environment("One", torch="2.13")
    figure = devices(board_of(rows(first.id), first), board_of(rows(second.id), second))
    assert all("unlike environments" in one and "2.13" in one for one in told(figure))


def test_a_cpu_whose_model_is_not_told_is_not_compared_with_one_of_its_name() -> None:
    first, second = environment("One"), environment("One (family 23, model 1)")
    figure = devices(board_of(rows(first.id), first), board_of(rows(second.id), second))
    assert all("unlike environments" in one for one in told(figure))


@pytest.mark.parametrize("least", [0.0, 5e-324, 1e308])
@pytest.mark.parametrize("metric", ["latency_warm", "peak_allocated"])
def test_processes_that_belie_their_median_are_no_reason_to_fail(metric: str, least: float) -> None:
    boards = []
    for where in (ONE, OTHER):
        found = []
        for row in rows(where.id):
            figure = figure_of(metric, [1e6, 2e6]).model_copy(update={"process_medians": (least,)})
            found.append(row.model_copy(update={"figures": {**row.figures, metric: figure}}))
        boards.append(board_of(found, where))
    for text in told(devices(*boards, metric=metric)):
        assert text in (
            *("not compared: base: not above zero", "not compared: not above zero"),
            *("one process: none", "1.000 to 1.000"),
        )


def test_a_ranking_says_how_far_noise_moves_it() -> None:
    figure = devices(board_of(rows(ONE.id), ONE), board_of(rows(OTHER.id), OTHER))
    assert "tau of the rankings by latency 1.00" in figure.says[-1]
    # neighbours are a factor of four apart, a hundred times their error: no redraw turns them
    assert "within the noise of the figures 1.00 to 1.00" in figure.says[-1]


def test_a_ranking_of_single_processes_does_not_know_its_noise() -> None:
    boards = [board_of(rows(one.id, 1.0, (1.0,)), one) for one in (ONE, OTHER)]
    figure = devices(*boards)
    assert "how far noise moves it is not known: one process" in figure.says[-1]
    assert set(told(figure)) == {"one process: none"}


@pytest.mark.parametrize(
    ("kind", "standing"), [("t", "surely behind"), ("range", "behind, not for sure")]
)
def test_a_range_of_processes_puts_nothing_surely_behind(kind: str, standing: str) -> None:
    found = []
    for row in rows(ONE.id):
        latency = row.figures["latency_warm"].model_copy(update={"interval_kind": kind})
        found.append(row.model_copy(update={"figures": row.figures | {"latency_warm": latency}}))
    slow = found[0].model_copy(update={"figures": found[1].figures})
    slow = slow.model_copy(
        update={"case": case("self_attention", options={"window": 3}), "case_id": "slow"}
    )
    sources = name_sources([("a", board_of([*found, slow], ONE))])
    made = page_of(sources, points_of(sources), "latency_warm")
    (reach,) = (one for one in made.figures if one.name == "reach")
    standings = {line.numbers[0]: line.cells[-1].text for line in reach.table.lines}
    assert standings == {**dict.fromkeys(range(5), "on the front"), 5: standing}


def test_disturbed_cases_have_no_part_in_rates_and_fronts() -> None:
    disturbed = row_of(wide(1), 1e-9, macs=2, environments=(ONE.id,), status=Status.CONTENDED)
    sources = name_sources([("a", board_of([disturbed, *rows(ONE.id)], ONE))])
    made = page_of(sources, points_of(sources), "latency_warm")
    figures = {figure.name: figure for figure in made.figures}
    residuals = {line.numbers[0]: line.cells[-1].sort for line in figures["residual"].table.lines}
    assert [residuals[one] for one in range(1, 6)] == pytest.approx([1.0] * 5)
    assert residuals[0] == pytest.approx(1e-9 / 2e-5)
    assert {line.numbers[0] for line in figures["reach"].table.lines} == {1, 2, 3, 4, 5}
