"""What every network of the table must do, and every layer in a network's slots.

Sizes without data are the papers' own; what is trained has the row's `small` options.
"""

import subprocess
import sys
from functools import cache

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from layer_variants import ON_ANY_DEVICE
from sabench.catalog.layers import layers
from sabench.catalog.networks import networks
from sabench.catalog.networks.cost import network_cost, network_macs_executed
from sabench.catalog.networks.plan import Classifier, placed_steps
from sabench.catalog.networks.rows import SMALL
from sabench.networks.build import build_network
from slowness import mostly_slow

EVERY_GROUP = [
    name
    for name, row in layers().items()
    if row.problems(row.options(), 64, 64, (56, 56), 2) is None
]
ATTENTION = {"mix": "self_attention", "stem": "self_attention"}
VARIANTS = {
    **{name: (name, {}) for name in networks()},
    "resnet26 of attention": ("resnet26", ATTENTION),
    "retinanet of attention": (
        "retinanet_resnet50",
        {**ATTENTION, "head": "self_attention", "fpn": "self_attention"},
    ),
    "resnet26 for small images": ("resnet26", {"stem": "small"}),
    "halonet of patches": ("halonet_h4_21k", {"stem": "patch", "conv12": True}),
    "wide resnet with 1x1 shortcuts": ("wrn28_10", {"shortcut": "conv"}),
}
"""Every row as it is, and what its options make another network of."""

OTHERS = ("resnet34", "halonet_h0")
RESOLUTIONS = (32, 160, 225, 300)
each_network = pytest.mark.parametrize("name", networks())
each_usual_variant = pytest.mark.parametrize(
    "variant", mostly_slow(VARIANTS, lambda one: "halo" in one or "of attention" in one)
)


def plan_of(name, resolution=None, **raw):
    network = networks()[name]
    options, overrides = network.parse(raw)
    resolution = resolution or network.resolution
    assert network.problems(options, overrides, resolution) is None
    return network.plan(options, overrides, resolution)


def small_plan(name, **raw):
    """The network as a CPU trains it in a second; a pyramid's coarsest map has one position."""
    row = networks()[name]
    resolution = 96 if row.family == "retinanet" else min(row.resolution, 48)
    return plan_of(name, resolution, **{**row.small, **raw})


def counted_macs(plan, implementation):
    """torch's own counter on a network without data."""
    with torch.device("meta"):
        network = build_network(plan, implementation=implementation).eval()
        image = torch.empty(1, 3, plan.resolution, plan.resolution)
    with FlopCounterMode(display=False) as counter:
        network(image)
    return counter.get_total_flops() // 2


def outputs(network, images):
    """What comes out, as a tuple: a detector gives two tensors."""
    out = network(images)
    return (out,) if isinstance(out, Tensor) else out


@cache
def built(name):
    with torch.device("meta"):
        return build_network(plan_of(name))


@each_network
def test_parameters_are_the_closed_form(name):
    params = sum(one.numel() for one in built(name).parameters())
    assert params == network_cost(plan_of(name)).params


def of_each_implementation():
    """A network without attention is the same module in every implementation.

    Each layer is counted in all of them by tests/contract/test_layers.py: with every commit one
    network is in another, and one of each family in the reference.
    """
    first: dict[str, str] = {}
    for name, row in networks().items():
        first.setdefault(row.family, name)
    for name, row in networks().items():
        held = {layers()[place.step.layer] for place in placed_steps(plan_of(name))}
        for implementation in ON_ANY_DEVICE:
            is_first = implementation == "reference" and first[row.family] == name
            usual = is_first or (name, implementation) == ("halonet_h0", "blocked")
            if implementation == "reference" or any(row.attention for row in held):
                yield pytest.param(name, implementation, marks=() if usual else pytest.mark.slow)


@pytest.mark.parametrize(("name", "implementation"), list(of_each_implementation()))
def test_the_counter_agrees_with_what_each_implementation_executes(name, implementation):
    plan = plan_of(name)
    counted = counted_macs(plan, implementation)
    assert counted == network_macs_executed(plan, implementation)
    if implementation == "reference":
        assert counted == network_cost(plan).macs


WEIGH_NETWORKS = """
import time
started = time.process_time()
import torch
from sabench.catalog.networks import networks
from sabench.networks.build import build_network
with torch.device("meta"):
    for row in networks().values():
        build_network(row.plan(row.defaults, {}, row.resolution))
peak = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(time.process_time() - started, int(peak[0]) * 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
@pytest.mark.slow
def test_all_networks_are_built_without_memory_and_within_a_minute():
    done = subprocess.run(
        [sys.executable, "-c", WEIGH_NETWORKS], capture_output=True, text=True, check=True
    )
    seconds, peak_bytes = map(float, done.stdout.split())
    assert seconds < 60
    assert 10 * 1024**2 < peak_bytes < 2 * 1024**3


@each_network
def test_the_small_form_is_small(name):
    cost = network_cost(small_plan(name))
    assert cost.params < 10e6
    assert cost.macs < 0.5e9


@pytest.mark.parametrize(
    "dtype",
    [torch.float32, pytest.param(torch.bfloat16, marks=pytest.mark.slow)],
    ids=["fp32", "bf16"],
)
@each_usual_variant
def test_every_parameter_gets_a_finite_gradient(variant, dtype):
    """Weights and images cast; the loss weighs every number of every output."""
    name, raw = VARIANTS[variant]
    plan = small_plan(name, **raw)
    torch.manual_seed(0)
    network = build_network(plan).to(dtype).train()
    found = outputs(network, torch.randn(2, 3, plan.resolution, plan.resolution).to(dtype))
    if isinstance(plan.head, Classifier):
        assert [out.shape for out in found] == [(2, plan.head.classes)]
    assert {out.dtype for out in found} == {dtype}
    sum((out.float() * torch.randn(out.shape)).sum() for out in found).backward()
    for path, parameter in network.named_parameters():
        assert parameter.grad is not None, path
        assert parameter.grad.isfinite().all(), path
        assert parameter.grad.any(), path


@each_usual_variant
def test_a_copy_with_the_same_state_gives_the_same_output(variant):
    name, raw = VARIANTS[variant]
    plan = small_plan(name, **raw)
    torch.manual_seed(0)
    one, other = build_network(plan).eval(), build_network(plan).eval()
    images = torch.randn(1, 3, plan.resolution, plan.resolution)
    with torch.no_grad():
        expected = outputs(one, images)
        assert not any(map(torch.equal, outputs(other, images), expected))
        other.load_state_dict(one.state_dict())
        assert all(map(torch.equal, outputs(other, images), expected))


@pytest.mark.parametrize(
    "resolution", [33, 75, *(pytest.param(one, marks=pytest.mark.slow) for one in RESOLUTIONS)]
)
@pytest.mark.parametrize("stem", ["conv", "self_attention"])
@pytest.mark.parametrize(
    "implementation",
    [
        pytest.param(name, marks=() if name == "blocked" else pytest.mark.slow)
        for name in ON_ANY_DEVICE
    ],
)
def test_any_resolution_counts_as_its_closed_form(resolution, stem, implementation):
    plan = plan_of("resnet26", resolution, mix="conv,self_attention,halo,augmented", stem=stem)
    assert counted_macs(plan, implementation) == network_macs_executed(plan, implementation)


@pytest.mark.parametrize("layer", EVERY_GROUP)
@pytest.mark.parametrize(
    "name", ["resnet26", *(pytest.param(one, marks=pytest.mark.slow) for one in OTHERS)]
)
def test_any_layer_may_stand_in_every_group(name, layer):
    plan = plan_of(name, 64, mix=layer)
    cost = network_cost(plan)
    with torch.device("meta"):
        params = sum(one.numel() for one in build_network(plan).parameters())
    assert params == cost.params
    assert counted_macs(plan, "reference") == cost.macs


def test_a_layer_that_keeps_its_map_may_stand_where_nothing_changes():
    plan = plan_of("resnet26", 64, mix="squeeze_excite,conv,conv,conv")
    assert counted_macs(plan, "reference") == network_cost(plan).macs


@pytest.mark.parametrize("stem", ["conv", "self_attention"])
def test_implementations_give_the_same_logits(stem):
    raw = {**SMALL, "mix": "self_attention,halo,augmented,global_attention", "stem": stem}
    plan = plan_of("resnet26", 56, **raw)
    torch.manual_seed(0)
    reference, *others = (build_network(plan, implementation=name).eval() for name in ON_ANY_DEVICE)
    image = torch.randn(1, 3, 56, 56)
    expected = reference(image)
    for other in others:
        other.load_state_dict(reference.state_dict())
        torch.testing.assert_close(other(image), expected, rtol=1e-4, atol=1e-5)
