"""How the comparison of two results is told: ratios of any size, what would have been found."""

import math

import pytest

from making_rows import NOISY, board_of, row_of
from making_runs import case, preset
from sabench.cases.case import Case
from sabench.compare.join import sides_of
from sabench.compare.runs import Comparison, compare_runs
from sabench.report.columns import label_of, name_of
from sabench.report.compare_words import cells, finds_of, ratio, remarks


def told_of(base: float, new: float, factors: tuple[float, ...], metric: str) -> Comparison:
    (old,), (late,) = (
        sides_of("run", board_of([row_of(case(), value, factors, metric=metric)]))
        for value in (base, new)
    )
    return compare_runs(old, late, metric=metric)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        *((1.25, "1.250"), (0.9874, "0.987"), (0.0, "0.000"), (15.24, "15.2"), (1520.0, "1520")),
        *((1.5e304, "1.5e+304"), (0.0015, "0.0015"), (2.5e-300, "2.5e-300")),
    ],
)
def test_a_ratio_has_the_places_that_matter_and_no_more(value: float, shown: str) -> None:
    assert ratio(value) == shown


def test_no_cell_of_wild_processes_is_hundreds_of_digits() -> None:
    told = told_of(1.0, 1e100, (1e-200, 1.0, 1e180), "latency_warm")
    _, _, *shown, _ = cells(told, told.cases[0])
    assert shown[0] == "1e+100"
    assert max(map(len, shown)) < 20
    assert shown[2].startswith("x")


def test_what_would_have_been_found_of_a_rate_is_a_fall() -> None:
    """The same logs either way: a rise of the time by a factor is a fall of the rate by it."""
    time, rate = (told_of(1.0, 1.0, NOISY, name) for name in ("latency_warm", "throughput"))
    rise, fall = (finds_of(one, one.cases[0].effect) for one in (time, rate) if one.cases[0].effect)
    assert rise is not None
    assert fall is not None
    assert rise > 0.0 > fall
    assert math.log1p(fall) == pytest.approx(-math.log1p(rise))


def layer(window: int, implementation: str = "reference") -> Case:
    options = {"window": window}
    return case("self_attention", options=options, implementation=implementation)


def test_only_cases_that_share_a_name_in_their_group_tell_how_they_ran() -> None:
    rows = [row_of(layer(3), 1.0), row_of(layer(3, "blocked"), 1.0), row_of(layer(5), 1.0)]
    rows.append(row_of(case(window=3), 1.0))
    board = board_of(rows)
    assert [label_of(board)(row) for row in rows] == [
        "self_attention window=3 [reference.eager]",
        "self_attention window=3 [blocked.eager]",
        "self_attention window=5",
        "conv",
    ]
    assert name_of(board)(rows[3]) == "conv window=3"


@pytest.mark.parametrize(
    ("limits", "named"),
    [((0.0, 0.0), ""), ((1.25, 1.25), ""), ((0.0, 1.25), "old"), ((1.25, 0.0), "new")],
)
def test_a_side_that_read_no_core_is_named_beside_one_that_did(
    limits: tuple[float, float], named: str
) -> None:
    (old,), (new,) = (
        sides_of(name, board_of([row_of(case(), 1.0)], preset=preset().model_copy(update=limit)))
        for name, limit in zip(("old", "new"), ({"slow_core": one} for one in limits), strict=True)
    )
    lines = remarks(compare_runs(old, new, metric="latency_warm"))
    assert [line.split(" was measured without a look")[0] for line in lines] == [named] * bool(
        named
    )
