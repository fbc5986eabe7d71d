"""tools/check_permuted.py: who may lose by a permutation, and how much."""

from typing import Any

import pytest

from loading_tools import TOOLS, judged, load_tool
from making_rows import row_of
from making_trust import over_seeds
from sabench.cases.case import Case
from sabench.records import Status
from sabench.store.leaderboard import Row

HIGH, LOW, PERCEPTRON = (0.995, 0.9952, 0.9954), (0.96, 0.961, 0.965), [0.985, 0.987]


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


@pytest.mark.parametrize(
    ("permuted", "code", "told"),
    [
        (LOW, 0, "2 of 2 hold"),
        ((0.9952, 0.995, 0.9954), 1, "0 of 2 hold"),  # nothing is lost
        ((0.993, 0.9932, 0.9934), 1, "1 of 2 hold"),  # something is, and the perceptron passed
        (LOW[:1], 1, "0 of 1 hold"),  # of one seed nothing is known
    ],
)
def test_a_local_layer_has_to_fall_to_the_perceptron(
    tool: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    permuted: tuple[float, ...],
    code: int,
    told: str,
) -> None:
    rows = trained("conv", "digits", HIGH), trained("conv", "permuted_digits", permuted)
    assert judged(tool, monkeypatch, *rows) == code
    assert capsys.readouterr().out.endswith(f"{told}\n")


def test_a_failed_training_is_not_passed_over(tool: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fine = trained("conv", "digits", HIGH), trained("conv", "permuted_digits", LOW)
    failed = trained("halo", "permuted_digits", LOW)
    failed = failed.model_copy(update={"status": Status.DIVERGED})
    assert judged(tool, monkeypatch, *fine, trained("halo", "digits", HIGH), failed) == 1


def test_seeds_pair_by_their_numbers(tool: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seeds 1 and 2 of both fall by 0.01 each; by place they would differ by more."""
    plain = trained("conv", "digits", (0.5, 0.99, 0.97))
    permuted = trained("conv", "permuted_digits", (0.98, 0.96))
    figure = permuted.figures["accuracy"].model_copy(update={"seeds": (1, 2)})
    permuted = permuted.model_copy(update={"figures": {"accuracy": figure}})
    assert judged(tool, monkeypatch, plain, permuted) == 0


@pytest.mark.parametrize(("permuted", "code"), [((0.9953, 0.995, 0.9953), 0), (LOW, 1)])
def test_attention_with_free_positions_may_not_fall(
    tool: Any, monkeypatch: pytest.MonkeyPatch, permuted: tuple[float, ...], code: int
) -> None:
    own: dict[str, Any] = {"global_attention.position": "free"}
    rows = [
        trained("global_attention", data, found, **own)
        for data, found in (("digits", HIGH), ("permuted_digits", permuted))
    ]
    assert judged(tool, monkeypatch, *rows) == code


def test_a_network_is_held_against_itself_alone(
    tool: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = (
        trained("conv", "digits", HIGH),
        trained("conv", "permuted_digits", LOW),
        trained("halo", "digits", HIGH),
        trained("conv", "permuted_digits", HIGH, width=0.5),
    )
    assert judged(tool, monkeypatch, *rows) == 0
    assert capsys.readouterr().out.endswith("2 of 2 hold\n")
    assert judged(tool, monkeypatch, rows[0], rows[3]) == 77
