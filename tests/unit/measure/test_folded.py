"""Batch norms folded into convolutions: the same map, fewer operators, the counts of before."""

from collections import OrderedDict
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from making_runs import batch_of
from sabench.cases.case import Case
from sabench.cases.plan import make_jobs
from sabench.catalog.presets import find_preset
from sabench.errors import ConfigError
from sabench.measure.building import build_subject
from sabench.measure.calls import tensors_of
from sabench.measure.execution import Execution
from sabench.measure.runner import run_job
from sabench.measure.runtimes import eager, folded
from sabench.measure.runtimes.folded import fold_norms
from sabench.measure.subject import Subject

NETWORKS: dict[str, dict[str, Any]] = {
    "resnet26": {"width": 0.25},
    "resnet50": {"width": 0.25, "mix": "conv,conv,halo,self_attention"},
    "se_resnet50": {"width": 0.25},
    "halonet_h0": {},
    "mnasnet": {},
    "retinanet_resnet50": {"width": 0.25, "depth": 0.1, "classes": 3},
}


def subject_of(name: str, options: dict[str, Any], **axes: Any) -> Subject:
    case = Case(kind="network", subject=name, resolution=64, options=options, **axes)
    return build_subject(make_jobs([case], ["cpu"], ["params"], find_preset("quick"), seed=5)[0])


def trained(subject: Subject) -> Subject:
    """With statistics and weights of norms as a training leaves them: none is trivial."""
    generator = torch.Generator().manual_seed(3)
    for norm in norms_of(subject.module):
        for values, low in ((norm.running_mean, -1.0), (norm.running_var, 0.5)):
            assert values is not None
            values.copy_(torch.empty(values.shape).uniform_(low, low + 1, generator=generator))
        for weights in (norm.weight, norm.bias):
            drawn = torch.empty(weights.shape).uniform_(0.5, 1.5, generator=generator)
            weights.data.copy_(drawn)
    return subject


def norms_of(module: nn.Module) -> list[nn.BatchNorm2d]:
    return [part for part in module.modules() if isinstance(part, nn.BatchNorm2d)]


def after_convolutions(module: nn.Module) -> int:
    """Counted by the class of what stands before each norm in its step."""
    steps = [part for part in module.modules() if hasattr(part, "norm") and hasattr(part, "layer")]
    names = [[name for name, _ in step.named_children()] for step in steps]
    pairs = zip(steps, names, strict=True)
    return sum(
        isinstance(step.layer, nn.Conv2d) and own.index("layer") + 1 == own.index("norm")
        for step, own in pairs
    )


def out_of(execution: Execution) -> tuple[torch.Tensor, ...]:
    with execution.context():
        return tensors_of(execution.call())


def test_one_pair_by_hand() -> None:
    """w 2; mean 1, variance 4, scale 3, shift 5: y = (2 x - 1) / 2 * 3 + 5 = 3 x + 3.5."""
    conv, norm = nn.Conv2d(1, 1, 1, bias=False), nn.BatchNorm2d(1, eps=0.0)
    row = nn.Sequential(OrderedDict(layer=conv, norm=norm)).eval()
    with torch.no_grad():
        conv.weight.fill_(2.0)
        norm.running_mean.fill_(1.0)
        norm.running_var.fill_(4.0)
        norm.weight.fill_(3.0)
        norm.bias.fill_(5.0)
    assert fold_norms(row) == 1
    only, nothing = row.children()
    assert (only.weight.item(), only.bias.item()) == (3.0, 3.5)
    assert isinstance(nothing, nn.Identity)


def test_a_convolution_with_two_norms_is_folded_with_each() -> None:
    """As of a head that is shared by levels, each with a norm of its own; in half precision."""
    conv = nn.Conv2d(2, 2, 1)
    rows = nn.ModuleList(nn.Sequential(conv, nn.BatchNorm2d(2)) for _ in range(2)).eval()
    rows[1][1].running_mean.fill_(1.0)
    rows.to(torch.bfloat16)
    assert fold_norms(rows) == 2
    assert {row[0].weight.dtype for row in rows} == {torch.bfloat16}
    assert not torch.equal(rows[0][0].bias, rows[1][0].bias)


def test_a_part_that_stands_in_a_row_twice_keeps_what_it_parts_apart() -> None:
    """Between the second convolution and the norm stands the activation of before."""
    relu = nn.ReLU()
    row = nn.Sequential(nn.Conv2d(1, 1, 1), relu, nn.Conv2d(1, 1, 1), relu, nn.BatchNorm2d(1))
    assert fold_norms(row.eval()) == 0


@pytest.mark.parametrize("name", NETWORKS)
def test_a_folded_network_gives_the_same_and_keeps_what_follows_no_convolution(name: str) -> None:
    subject = trained(subject_of(name, NETWORKS[name]))
    wanted, norms = out_of(eager.prepare(subject)), norms_of(subject.module)
    foldable = after_convolutions(subject.module)
    ready = folded.prepare(subject)
    for found, right in zip(out_of(ready), wanted, strict=True):
        torch.testing.assert_close(found, right, rtol=1e-3, atol=1e-3 * right.abs().max().item())
    assert foldable > 0
    assert len(norms_of(subject.module)) == len(norms)  # the subject is as it was
    twin = subject_of(name, NETWORKS[name]).module
    assert fold_norms(twin) == foldable
    assert len(norms_of(twin)) == len(norms) - foldable


def test_planted_a_norm_that_is_dropped_gives_something_else() -> None:
    subject = trained(subject_of("resnet26", NETWORKS["resnet26"]))
    (wanted,) = out_of(eager.prepare(subject))
    norm = norms_of(subject.module)[0]
    norm.bias.data += 1.0
    (found,) = out_of(folded.prepare(subject))
    assert not torch.allclose(found, wanted, rtol=1e-3, atol=1e-3 * wanted.abs().max().item())


def test_layout_and_precision_are_kept() -> None:
    subject = subject_of("resnet26", NETWORKS["resnet26"], layout="channels_last", dtype="bf16")
    (wanted,), (found,) = out_of(eager.prepare(subject)), out_of(folded.prepare(subject))
    assert found.dtype is torch.bfloat16
    torch.testing.assert_close(found, wanted, rtol=0.05, atol=0.05 * wanted.abs().max().item())
    fold_norms(subject.module)
    convolutions = [part for part in subject.module.modules() if isinstance(part, nn.Conv2d)]
    for one in convolutions:
        assert one.weight.is_contiguous(memory_format=torch.channels_last)


def test_a_record_of_a_folded_network_has_the_papers_counts_and_fewer_operators() -> None:
    counts = {}
    for runtime in ("eager", "folded"):
        case = Case(
            kind="network",
            subject="resnet26",
            resolution=32,
            options=NETWORKS["resnet26"],
            runtime=runtime,
        )
        metrics = ("params", "macs", "operator_calls")
        jobs = make_jobs([case], ["cpu"], metrics, find_preset("quick"), seed=1)
        record, _ = run_job(jobs[0], batch_of(jobs, preset=find_preset("quick")))
        counts[runtime] = {name: one.median for name, one in record.readings.items()}
    for name in ("params", "macs"):
        assert counts["eager"][name] == counts["folded"][name]
    lost = counts["eager"]["operator_calls"] - counts["folded"]["operator_calls"]
    foldable = after_convolutions(subject_of("resnet26", NETWORKS["resnet26"]).module)
    assert lost >= foldable > 0
    assert lost % foldable == 0  # as many for each norm


def test_a_mode_that_trains_and_a_module_without_norms_are_refused() -> None:
    subject = subject_of("resnet26", NETWORKS["resnet26"])
    training = replace(subject, module=subject.module.train())
    with pytest.raises(ConfigError, match="runtime=folded: a norm of mode"):
        folded.prepare(training)
    bare = replace(subject, module=nn.Conv2d(3, 3, 1).eval())
    with pytest.raises(ConfigError, match="no batch norm of resnet26 follows a convolution"):
        folded.prepare(bare)


class Standardised(nn.Conv2d):
    """Another convolution by the same call."""

    def _conv_forward(self, input: torch.Tensor, weight: Any, bias: Any) -> torch.Tensor:
        return super()._conv_forward(input, weight - weight.mean(), bias)


class Activated(nn.BatchNorm2d):
    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return super().forward(input).relu()


class Reversed(nn.Sequential):
    def forward(self, input: Any) -> Any:
        for part in reversed([*self]):
            input = part(input)
        return input


class Called(nn.Conv2d):
    def __call__(self, *given: Any, **named: Any) -> Any:
        return super().__call__(*given, **named) + 1


class Doubled(nn.Sequential):
    def __iter__(self) -> Any:
        return iter([*super().__iter__()] * 2)


def patched() -> nn.Module:
    conv = nn.Conv2d(4, 4, 1)
    conv._conv_forward = lambda *given: nn.Conv2d._conv_forward(conv, *given) + 1  # type: ignore[method-assign]
    return nn.Sequential(conv, nn.BatchNorm2d(4))


def hooked() -> nn.Module:
    conv = nn.Conv2d(4, 4, 1)
    conv.register_forward_hook(lambda *told: told[-1] + 1)
    return nn.Sequential(conv, nn.BatchNorm2d(4))


def normed_weights() -> nn.Module:
    conv = nn.utils.parametrizations.weight_norm(nn.Conv2d(4, 4, 1))
    return nn.Sequential(conv, nn.BatchNorm2d(4))


def still_training() -> nn.Module:
    row = nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)).eval()
    row[1].train()
    return row


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.Sequential(Standardised(4, 4, 1), nn.BatchNorm2d(4)).eval(),
        lambda: nn.Sequential(nn.Conv2d(4, 4, 1), Activated(4)).eval(),
        lambda: Reversed(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)).eval(),
        lambda: nn.Sequential(Called(4, 4, 1), nn.BatchNorm2d(4)).eval(),
        lambda: Doubled(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)).eval(),
        lambda: patched().eval(),
        lambda: hooked().eval(),
        lambda: normed_weights().eval(),
        lambda: nn.Sequential(
            nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4, track_running_stats=False)
        ).eval(),
        still_training,
    ],
    ids=[
        "weights",
        "activation",
        "order",
        "call",
        "twice",
        "patched",
        "hook",
        "parametrisation",
        "no statistics",
        "training",
    ],
)
def test_what_is_not_torchs_to_the_last_step_is_left_alone(make: Any) -> None:
    row = make()
    x = torch.rand(2, 4, 3, 3)
    before = row(x)
    assert fold_norms(row) == 0
    torch.testing.assert_close(row(x), before)
