"""tools/check_permuted.py: who may lose by a permutation, and how much."""

import sys
from typing import Any

import pytest

from loading_tools import TOOLS, load_tool
from making_rows import board_of, row_of
from making_trust import over_seeds
from sabench.cases.case import Case
from sabench.store.leaderboard import Row

HIGH, LOW, PERCEPTRON = (0.99, 0.992, 0.994), (0.96, 0.961, 0.965), [0.985, 0.987]


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(TOOLS))  # it takes the perceptron from beside it
    found = load_tool("check_permuted")
    monkeypatch.setattr(found, "reached", lambda _name, _seeds: PERCEPTRON)
    return found


def trained(mix: str, data: str, accuracies: tuple[float, ...], **options: Any) -> Row:
    case = Case(
        kind="network", subject="probe", resolution=8, mode="train", data=data,
        options={"mix": mix, "width": 0.25} | options,
    )  # fmt: skip
    return row_of(case, 1.0, figures={"accuracy": over_seeds(accuracies)})


def code_of(tool: Any, monkeypatch: pytest.MonkeyPatch, *rows: Row) -> int:
    monkeypatch.setattr(tool, "read_leaderboard", lambda _path: board_of(rows))
    monkeypatch.setattr(sys, "argv", ["check_permuted.py", "run"])
    code: int = tool.main()
    return code


@pytest.mark.parametrize(
    ("permuted", "code"),
    [
        (LOW, 0),
        ((0.992, 0.99, 0.994), 1),  # nothing is lost
        ((0.9886, 0.9887, 0.9888), 1),  # something is, but it still passes the perceptron
    ],
)
def test_a_local_layer_has_to_fall_to_the_perceptron(
    tool: Any, monkeypatch: pytest.MonkeyPatch, permuted: tuple[float, ...], code: int
) -> None:
    rows = trained("conv", "digits", HIGH), trained("conv", "permuted_digits", permuted)
    assert code_of(tool, monkeypatch, *rows) == code


@pytest.mark.parametrize(("permuted", "code"), [((0.991, 0.993, 0.993), 0), (LOW, 1)])
def test_attention_with_free_positions_may_not_fall(
    tool: Any, monkeypatch: pytest.MonkeyPatch, permuted: tuple[float, ...], code: int
) -> None:
    own: dict[str, Any] = {"global_attention.position": "free"}
    rows = [
        trained("global_attention", data, found, **own)
        for data, found in (("digits", HIGH), ("permuted_digits", permuted))
    ]
    assert code_of(tool, monkeypatch, *rows) == code


def test_a_network_is_held_against_itself_alone(
    tool: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = (
        trained("conv", "digits", HIGH),
        trained("conv", "permuted_digits", LOW),
        trained("halo", "digits", HIGH),
        trained("conv", "permuted_digits", HIGH, width=0.5),
    )
    assert code_of(tool, monkeypatch, *rows) == 0
    assert capsys.readouterr().out.endswith("2 of 2 hold\n")
    assert code_of(tool, monkeypatch, rows[0], rows[3]) == 77
