"""A network that gives several tensors runs as one that gives one; a layer must give one."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sabench.cases.case import Case
from sabench.cases.plan import make_jobs
from sabench.catalog.presets import find_preset
from sabench.catalog.runtimes import RUNTIMES
from sabench.measure.building import build_subject
from sabench.measure.calls import execution_of, is_finite
from sabench.measure.runtimes import compiled
from sabench.measure.subject import Subject
from sabench.measure.touched import touched_bytes

RETINANET = {"width": 0.25, "depth": 0.1, "classes": 3}
ANCHORS = 6 * (8**2 + 4**2 + 2**2 + 1 + 1)  # of 64 pixels


def subject_of(subject: str = "retinanet_resnet50", kind: str = "network", **axes: Any) -> Subject:
    axes = {"resolution": 64, "options": RETINANET} | axes
    case = Case.model_validate({"kind": kind, "subject": subject} | axes)
    return build_subject(make_jobs([case], ["cpu"], ["params"], find_preset("quick"), seed=5)[0])


class Pair(nn.Module):
    """Twice and three times a scaled input."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(1.0))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return 2 * self.scale * x, 3 * self.scale * x.sum(dim=(2, 3))


def pair(kind: str = "network", **axes: Any) -> Subject:
    map_or_image: dict[str, Any] = {"channels": 3, "size": 32, "resolution": None, "options": {}}
    built = subject_of("conv", "layer", **map_or_image, **axes)
    case = built.case.model_copy(update={"kind": kind})
    return replace(built, case=case, module=Pair())


@pytest.mark.parametrize("mode", ["forward", "forward_backward", "step"])
def test_every_mode_of_a_detector_gives_logits_and_boxes(mode: str) -> None:
    subject = subject_of(mode=mode)
    ready = RUNTIMES["eager"].load()(subject)
    with ready.context():
        out = ready.call()
        assert [one.shape for one in out] == [(1, ANCHORS, 3), (1, ANCHORS, 4)]
        assert not any(one.requires_grad for one in out)
        assert is_finite(subject, out)
    if mode != "forward":
        assert all(one.grad is not None for one in subject.module.parameters())


def test_a_compiled_call_gives_what_the_eager_one_gives() -> None:
    subject = pair(mode="forward_backward")
    eager, ready = execution_of(subject, subject.module), compiled.prepare(subject, "aot_eager")
    for one, other in zip(ready.call(), eager.call(), strict=True):
        torch.testing.assert_close(one, other)
    assert ready.compilation is not None
    assert ready.compilation.breaks == {}


def test_autocast_reaches_every_output() -> None:
    ready = RUNTIMES["eager"].load()(subject_of(autocast="bf16"))
    with ready.context():
        assert {one.dtype for one in ready.call()} == {torch.bfloat16}


def test_the_loss_weighs_every_output_with_numbers_of_its_own() -> None:
    """By hand: the loss is scale (2 x.w + 3 sum(x).u), so that is the scale's gradient."""
    subject = pair(mode="forward_backward")
    execution_of(subject, subject.module).call()
    generator = torch.Generator().manual_seed(5 + 1)
    w = torch.empty(1, 3, 32, 32).uniform_(-1, 1, generator=generator)
    u = torch.empty(1, 3).uniform_(-1, 1, generator=generator)
    x = subject.x.detach()
    expected = 2 * (x * w).sum() + 3 * (x.sum(dim=(2, 3)) * u).sum()
    torch.testing.assert_close(subject.module.scale.grad, expected)


def test_one_output_that_is_not_finite_is_seen() -> None:
    subject = pair()
    first, second = execution_of(subject, subject.module).call()
    assert is_finite(subject, (first, second))
    assert not is_finite(subject, (first, second * float("nan")))


def test_every_output_is_among_the_bytes_that_a_call_touches() -> None:
    subject = pair(mode="forward")
    found = touched_bytes(replace(subject, case=subject_of().case), execution_of(subject, Pair()))
    assert found.distinct == found.inputs + 4 * (3 * 32 * 32 + 3)


def test_a_layer_gives_one_tensor() -> None:
    subject = pair(kind="layer", mode="forward")
    with pytest.raises(TypeError, match="the module returns a tuple, not a tensor"):
        execution_of(subject, subject.module).call()


def test_an_answer_in_parts_is_tensors_only() -> None:
    class Strange(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, int]:
            return x, 1

    with pytest.raises(TypeError, match="returns a int, not a tensor"):
        execution_of(pair(mode="forward"), Strange()).call()
