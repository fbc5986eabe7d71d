"""The comparison itself: what is compared, and that each kind of mistake is seen."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from making_runs import batch_of
from sabench.cases.case import Case
from sabench.cases.plan import Job, parity_jobs
from sabench.catalog.implementations import IMPLEMENTATIONS
from sabench.layers.kernels import blocked
from sabench.measure.parity import run_job
from sabench.records import Record, Status


def job(subject: str = "halo", **fields: Any) -> Job:
    given = {"channels": 16, "size": 12, "implementation": "blocked"} | fields
    case = Case.model_validate({"kind": "layer", "subject": subject} | given)
    (only,) = parity_jobs([case], ["cpu"], seed=3)
    return only


def record_of(parity: Job) -> Record:
    return run_job(parity, batch_of([parity]))[0]


def differences(record: Record) -> dict[str, dict[str, Any]]:
    told: Any = record.details["differences"]
    return dict(told)


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts a function in the place of `blocked`."""

    def planted(attend: Any) -> None:
        monkeypatch.setattr(f"{__name__}.wrong", attend, raising=False)
        row = replace(IMPLEMENTATIONS["blocked"], target=f"{__name__}:wrong")
        monkeypatch.setitem(IMPLEMENTATIONS, "blocked", row)

    return planted


@pytest.mark.parametrize("subject", ["self_attention", "attention_stem", "augmented", "halo"])
@pytest.mark.parametrize("mode", ["forward", "forward_backward"])
@pytest.mark.parametrize(
    "precision", [{}, {"dtype": "bf16"}, {"dtype": "fp16"}, {"autocast": "bf16"}]
)
def test_blocked_is_right_within_the_precision(
    subject: str, mode: str, precision: dict[str, str]
) -> None:
    record = record_of(job(subject, mode=mode, channels=64, **precision))
    assert record.status is Status.OK, record.message
    assert set(differences(record)) == {
        "small options, 8x8",
        "small options, 7x5",
        "channels=64, size=12",
    }


def test_its_own_size_is_not_computed_where_it_is_dear() -> None:
    assert set(differences(record_of(job(channels=512, size=112)))) == {
        "small options, 8x8",
        "small options, 7x5",
    }


def test_a_border_of_zeros_is_compared_with_a_border_of_zeros(plant: Any) -> None:
    """Planted: an implementation that always masks is right for mask and wrong for zeros."""

    def masks(q: Tensor, k: Tensor, v: Tensor, relative: Any, geometry: Any) -> Tensor:
        return blocked.attend(q, k, v, relative, replace(geometry, border="mask"))

    plant(masks)
    assert record_of(job()).status is Status.OK
    wrong = record_of(job(options={"border": "zeros"}))
    assert wrong.status is Status.PARITY_FAILED
    assert set(differences(wrong)) >= {"small options, 8x8"}


@pytest.mark.parametrize(("error", "status"), [(3e-6, Status.OK), (3e-5, Status.PARITY_FAILED)])
def test_the_bound_lies_at_one_part_in_a_hundred_thousand(
    plant: Any, error: float, status: Status
) -> None:
    """One layer's output off by a known factor: self-attention hands `attend`'s on as it is."""
    plant(lambda *given: blocked.attend(*given) * (1 + error))
    record = record_of(job("self_attention"))
    assert record.status is status
    found = max(one["relative"] for one in differences(record).values())
    assert found == pytest.approx(error, rel=0.2)


def test_a_gradient_is_wrong_only_going_backward(plant: Any) -> None:
    def halves(q: Tensor, k: Tensor, v: Tensor, relative: Any, geometry: Any) -> Tensor:
        return blocked.attend(q, k, 0.5 * v + 0.5 * v.detach(), relative, geometry)

    plant(halves)
    assert record_of(job()).status is Status.OK
    wrong = record_of(job(mode="forward_backward"))
    assert wrong.status is Status.PARITY_FAILED
    assert "its gradient of" in wrong.message


def test_nan_is_told_without_a_number(plant: Any) -> None:
    plant(lambda *given: blocked.attend(*given) * torch.nan)
    record = record_of(job())
    assert record.status is Status.PARITY_FAILED
    assert "differs from the reference's by NaN or infinity" in record.message
    assert {one["relative"] for one in differences(record).values()} == {None}


def test_an_implementation_that_raises_is_an_error_of_its_own(plant: Any) -> None:
    def raises(*_: object) -> Tensor:
        raise ValueError("on purpose")

    plant(raises)
    record = record_of(job())
    assert (record.status, record.message) == (Status.ERROR, "ValueError: on purpose")


def test_tf32_off_cuda_is_unsupported_as_its_cases_are() -> None:
    assert record_of(job(dtype="tf32")).status is Status.UNSUPPORTED


def test_a_table_that_starts_at_zero_is_filled_first(
    plant: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted: position logits left out, which tables of zeros hide."""
    monkeypatch.setattr(torch, "randn", torch.zeros)  # what tables are made of
    plant(lambda q, k, v, relative, geometry: blocked.attend(q, k, v, None, geometry))
    assert record_of(job()).status is Status.PARITY_FAILED
    monkeypatch.setattr("sabench.measure.parity._fill_zero_tables", lambda module: None)
    assert record_of(job()).status is Status.OK  # so the filling is what finds it


@pytest.fixture
def peer(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts what adapts our layer, and refuses what timm's does, in the place of timm."""

    def planted(adapt: Any) -> None:
        monkeypatch.setattr(f"{__name__}.adapted", adapt, raising=False)
        row = replace(IMPLEMENTATIONS["timm"], target=f"{__name__}:adapted", package="json")
        monkeypatch.setitem(IMPLEMENTATIONS, "timm", row)

    return planted


class Scaled(nn.Module):
    """A layer under other names; its output, or its input's gradient, off by a factor."""

    def __init__(self, layer: nn.Module, output: float, gradient: float) -> None:
        super().__init__()
        self.theirs, self.output, self.gradient = deepcopy(layer), output, gradient

    def forward(self, x: Tensor) -> Tensor:
        x = self.gradient * x + (1 - self.gradient) * x.detach()
        out: Tensor = self.theirs(x)
        return out + (self.output - 1) * out.detach()


@pytest.mark.parametrize(
    ("output", "gradient", "told"),
    [(1.0, 1.0, ""), (1.001, 1.0, "output"), (1.0, 1.001, "gradient of the input")],
)
def test_a_peer_is_held_to_the_reference(
    peer: Any, output: float, gradient: float, told: str
) -> None:
    """On the small map that blocks divide and at its own size: the other one a peer refuses."""
    peer(lambda layer: Scaled(layer, output, gradient))
    options = {"border": "zeros", "block": 4}
    wanted = job(implementation="timm", mode="forward_backward", options=options)
    record = record_of(wanted)
    assert record.status is (Status.PARITY_FAILED if told else Status.OK), record.message
    assert set(differences(record)) == {"small options, 8x8", "channels=16, size=12"}
    assert f"its {told} differs" in record.message if told else record.message == ""


def test_no_halo_stays_none_in_the_small_options(peer: Any) -> None:
    """Without one timm's border is the masked one too."""
    peer(lambda layer: Scaled(layer, 1.0, 1.0))
    wanted = job(implementation="timm", channels=512, size=112, options={"halo": 0, "block": 4})
    assert set(differences(record_of(wanted))) == {"small options, 8x8"}
