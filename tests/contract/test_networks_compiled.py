"""One network of each family as the compiler makes it: outputs and every gradient as in eager.

In float64, where what is left between the two is rounding.
"""

import warnings
from itertools import groupby

import pytest
import torch
from torch import Tensor

from sabench.catalog.networks import networks
from sabench.catalog.networks.plan import placed_steps
from sabench.networks.build import build_network
from slowness import mostly_slow


def small_plan(name, **raw):
    row = networks()[name]
    return row.plan(*row.parse({**row.small, **raw}), min(row.resolution // 2, 48))


def kinds_and_steps(row):
    """More kinds of layers first, then fewer steps."""
    steps = [place.step.layer for place in placed_steps(small_plan(row.name))]
    return len(set(steps)), -len(steps)


def most_telling():
    """Of each family the row whose small form has the most kinds of layers."""
    by_family = sorted(networks().values(), key=lambda row: row.family)
    for _, rows in groupby(by_family, key=lambda row: row.family):
        yield max(rows, key=kinds_and_steps).name


SHORT = {"probe"}  # to compile
assert set(most_telling()) >= SHORT
FAMILIES = tuple(
    pytest.param(name, marks=() if name in SHORT else pytest.mark.slow) for name in most_telling()
)
FOR_INDUCTOR = {
    "SASA": ("resnet26", {"mix": "self_attention", "stem": "self_attention"}),
    "AACN": ("aa_resnet34", {}),
    "HaloNet": ("halonet_h0", {}),
    "RetinaNet": ("retinanet_resnet50", {}),
}


def trained(network, images):
    """Outputs, and the gradient of each parameter when every number of them is weighed."""
    network.zero_grad()
    out = network(images)
    found = (out,) if isinstance(out, Tensor) else out
    sum((one * (1 + torch.arange(one.numel()).view_as(one) % 7)).sum() for one in found).backward()
    gradients = {path: parameter.grad for path, parameter in network.named_parameters()}
    return {f"output {number}": one.detach() for number, one in enumerate(found)} | gradients


def assert_compiles_to_the_same(plan, backend):
    """Compiled as one graph, forward and backward, against the same network uncompiled."""
    torch.manual_seed(0)
    network = build_network(plan).double().train()
    images = torch.randn(2, 3, plan.resolution, plan.resolution, dtype=torch.float64)
    expected = {name: one.clone() for name, one in trained(network, images).items()}
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch's own, while it compiles
        network.compile(backend=backend, fullgraph=True)
        found = trained(network, images)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1
    assert found.keys() == expected.keys()
    for name, one in expected.items():
        assert (found[name] - one).norm() <= 1e-9 * one.norm() + 1e-12, name  # some are zero


@pytest.mark.parametrize("name", FAMILIES)
def test_compiled_equals_eager_forward_and_backward(name):
    assert_compiles_to_the_same(small_plan(name), "aot_eager")


@pytest.mark.parametrize("layer", mostly_slow(["self_attention", "halo"], "halo".__eq__))
def test_a_small_network_of_attention_compiles_to_the_same(layer):
    assert_compiles_to_the_same(small_plan("probe", mix=layer), "aot_eager")


@pytest.mark.slow
@pytest.mark.parametrize("paper", FOR_INDUCTOR)
def test_generated_code_equals_eager_forward_and_backward(paper):
    name, raw = FOR_INDUCTOR[paper]
    assert_compiles_to_the_same(small_plan(name, **raw), "inductor")
