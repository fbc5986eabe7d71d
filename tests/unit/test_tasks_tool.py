"""tools/check_tasks.py: what each layer is held to, by what its positions see."""

from collections.abc import Callable
from typing import Any

import pytest

from loading_tools import TOOLS, judged, load_tool
from making_rows import figure_of, row_of
from sabench.cases.case import Case
from sabench.records import Status
from sabench.store.leaderboard import Row

XOR, CONTROL = "xor:size=12,distance={}", "counting:size=12,marks=3"


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(TOOLS))  # it takes the verdict's line from beside it
    return load_tool("check_tasks")


def trained(mix: str, data: str, *accuracies: float, **options: Any) -> Row:
    case = Case(
        kind="network", subject="probe", resolution=12, mode="train", data=data,
        options={"mix": mix, "width": 0.25} | options,
    )  # fmt: skip
    seeds = (accuracies * 10)[:10]
    return row_of(case, 1.0, figures={"accuracy": figure_of("accuracy", seeds)})


def failed(row: Row) -> Row:
    return row.model_copy(update={"status": Status.DIVERGED})


def of_nine(row: Row) -> Row:
    """The last of its ten seeds left out."""
    nine = figure_of("accuracy", row.figures["accuracy"].process_medians[:9])
    return row.model_copy(update={"figures": {"accuracy": nine}})


@pytest.mark.parametrize(
    ("mix", "distance", "accuracies", "code"),
    [
        ("conv", 2, (1.0, 0.995), 0),  # a window of 3 holds both
        ("conv", 2, (1.0, 0.985), 1),
        ("conv", 4, (0.5, 0.76), 0),  # never both
        ("conv", 4, (0.5, 0.78), 1),
        ("global_attention", 8, (0.99, 1.0), 0),
        ("global_attention", 8, (0.5, 1.0), 1),
        ("augmented", 8, (0.5, 1.0), 1),
    ],
)
def test_every_seed_counts(
    tool: Any,
    monkeypatch: pytest.MonkeyPatch,
    mix: str,
    distance: int,
    accuracies: tuple[float, ...],
    code: int,
) -> None:
    row = trained(mix, XOR.format(distance), *accuracies)
    assert judged(tool, monkeypatch, row) == code


@pytest.mark.parametrize(("distance", "accuracy", "code"), [(4, 1.0, 0), (8, 0.5, 0), (8, 1.0, 1)])
def test_halo_attention_is_held_by_its_block_and_halo(
    tool: Any, monkeypatch: pytest.MonkeyPatch, distance: int, accuracy: float, code: int
) -> None:
    """Blocks of 4, a halo of 2: always both up to a distance of 4, never from 8 on."""
    own: dict[str, Any] = {"halo.block": 4, "halo.halo": 2, "halo.heads": 4}
    row = trained("halo", XOR.format(distance), accuracy, accuracy, **own)
    assert judged(tool, monkeypatch, row) == code


def test_nothing_is_demanded_between_the_two(
    tool: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own: dict[str, Any] = {"halo.block": 4, "halo.halo": 2, "halo.heads": 4}
    assert judged(tool, monkeypatch, trained("halo", XOR.format(6), 0.9, 0.8, **own)) == 77
    assert capsys.readouterr().out.startswith("told     halo at distance 6, 10 seeds")


def test_on_the_control_the_layers_may_not_differ(
    tool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    level = [0.99, 0.991, 0.992, 0.993, 0.994, 0.995]
    mixed = [level, level[::-1], [level[place] for place in (2, 0, 4, 1, 5, 3)]]
    names = ("conv", "halo", "global_attention")
    rows = [trained(mix, CONTROL, *each) for mix, each in zip(names, mixed, strict=True)]
    assert judged(tool, monkeypatch, *rows) == 0
    rows[0] = trained("conv", CONTROL, *(each - 0.01 for each in level))
    assert judged(tool, monkeypatch, *rows) == 1
    same = [trained(mix, CONTROL, 1.0) for mix in names]
    assert judged(tool, monkeypatch, *same) == 0
    assert judged(tool, monkeypatch, *same[:2]) == 1  # of two there is no such test


def test_the_control_pairs_by_the_seed(tool: Any) -> None:
    """Three layers alike seed by seed. By place, the third is ahead in nine of ten."""
    level = [0.99 + 0.001 * seed for seed in range(10)]
    rows = [trained(mix, CONTROL, *level) for mix in ("conv", "halo", "augmented")]
    moved = figure_of("accuracy", [*level[1:], level[0]])
    moved = moved.model_copy(update={"seeds": (*range(1, 10), 0)})
    assert tool.are_level(
        CONTROL, [*rows[:2], row_of(rows[2].case, 1.0, figures={"accuracy": moved})]
    )
    by_place = moved.model_copy(update={"seeds": tuple(range(10))})
    other = row_of(rows[2].case, 1.0, figures={"accuracy": by_place})
    assert not tool.are_level(CONTROL, [*rows[:2], other])
    later = moved.model_copy(update={"seeds": tuple(range(10, 20))})
    apart = row_of(rows[2].case, 1.0, figures={"accuracy": later})
    assert not tool.are_level(CONTROL, [*rows[:2], apart])  # no seed in common


@pytest.mark.parametrize("spoilt", [failed, of_nine])
@pytest.mark.parametrize("data", [XOR.format(2), CONTROL])
def test_a_training_that_cannot_be_judged_is_not_passed_over(
    tool: Any, monkeypatch: pytest.MonkeyPatch, spoilt: Callable[[Row], Row], data: str
) -> None:
    rows = [trained(mix, data, 1.0) for mix in ("conv", "self_attention", "global_attention")]
    assert judged(tool, monkeypatch, *rows) == 0
    assert judged(tool, monkeypatch, *rows, spoilt(trained("augmented", data, 1.0))) == 1


def test_without_such_trainings_it_is_skipped(tool: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert judged(tool, monkeypatch, trained("conv", "digits", 0.9)) == 77
