"""What every network of the table must do, and every layer in a network's slots."""

from functools import cache

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from sabench.catalog.implementations import IMPLEMENTATIONS
from sabench.catalog.layers import layers
from sabench.catalog.networks import networks
from sabench.catalog.networks.cost import network_cost, network_macs_executed
from sabench.networks.build import build_network

EVERY_GROUP = [
    name
    for name, row in layers().items()
    if row.problems(row.options(), 64, 64, (56, 56), 2) is None
]
SMALL = {"width": 0.25, "depth": 0.1, "classes": 5}

each_network = pytest.mark.parametrize("name", networks())
each_implementation = pytest.mark.parametrize("implementation", IMPLEMENTATIONS)


def plan_of(name, resolution=None, **raw):
    network = networks()[name]
    options, overrides = network.parse(raw)
    resolution = resolution or network.resolution
    assert network.problems(options, overrides, resolution) is None
    return network.plan(options, overrides, resolution)


def counted_macs(plan, implementation):
    """torch's own counter on a network without data."""
    with torch.device("meta"):
        network = build_network(plan, implementation=implementation).eval()
        image = torch.empty(1, 3, plan.resolution, plan.resolution)
    with FlopCounterMode(display=False) as counter:
        network(image)
    return counter.get_total_flops() // 2


@cache
def built(name):
    with torch.device("meta"):
        return build_network(plan_of(name))


@each_network
def test_parameters_are_the_closed_form(name):
    params = sum(one.numel() for one in built(name).parameters())
    assert params == network_cost(plan_of(name)).params


@each_network
@each_implementation
def test_the_counter_agrees_with_what_each_implementation_executes(name, implementation):
    plan = plan_of(name)
    counted = counted_macs(plan, implementation)
    assert counted == network_macs_executed(plan, implementation)
    if implementation == "reference":
        assert counted == network_cost(plan).macs


@each_network
def test_forward_and_backward_give_finite_gradients_to_every_parameter(name):
    torch.manual_seed(0)
    network = build_network(plan_of(name, 48, **SMALL)).train()
    logits = network(torch.randn(2, 3, 48, 48))
    assert logits.shape == (2, 5)
    torch.nn.functional.cross_entropy(logits, torch.tensor([0, 3])).backward()
    for path, parameter in network.named_parameters():
        assert parameter.grad is not None, path
        assert parameter.grad.isfinite().all(), path


@each_network
def test_a_copy_with_the_same_state_gives_the_same_logits(name):
    torch.manual_seed(0)
    plan = plan_of(name, 32, **SMALL)
    one, other = build_network(plan).eval(), build_network(plan).eval()
    other.load_state_dict(one.state_dict())
    image = torch.randn(1, 3, 32, 32)
    assert torch.equal(one(image), other(image))


@pytest.mark.parametrize("resolution", [32, 33, 75, 160, 225, 300])
@pytest.mark.parametrize("stem", ["conv", "self_attention"])
def test_any_resolution_counts_as_its_closed_form(resolution, stem):
    plan = plan_of("resnet26", resolution, mix="conv,self_attention,halo,augmented", stem=stem)
    for implementation in IMPLEMENTATIONS:
        counted = counted_macs(plan, implementation)
        assert counted == network_macs_executed(plan, implementation)


@pytest.mark.parametrize("layer", EVERY_GROUP)
@pytest.mark.parametrize("name", ["resnet26", "resnet34", "halonet_h0"])
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
    reference, blocked = (
        build_network(plan, implementation=name).eval() for name in IMPLEMENTATIONS
    )
    blocked.load_state_dict(reference.state_dict())
    image = torch.randn(1, 3, 56, 56)
    torch.testing.assert_close(blocked(image), reference(image), rtol=1e-4, atol=1e-5)
