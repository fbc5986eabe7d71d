"""Wide-ResNet-28-10 against its description: 3x3 of 16, three groups of four, 32 pixels."""

import pytest
import torch
from torch.nn import functional

from sabench.catalog.layers.augmented import AugmentedOptions, augmented_call
from sabench.catalog.networks import networks
from sabench.catalog.networks.cost import network_cost
from sabench.catalog.networks.plan import Step, placed_steps
from sabench.errors import ConfigError
from sabench.networks.build import build_network


def plan_of(name="wrn28_10", resolution=32, **raw):
    network = networks()[name]
    return network.plan(*network.parse(raw), resolution)


def test_three_groups_of_four_blocks_halve_the_map_twice():
    plan = plan_of()
    assert [len(group) for group in plan.groups] == [4, 4, 4]
    slots = {place.path: place for place in placed_steps(plan) if place.step.slot}
    assert len(slots) == 12
    assert [slots[f"group{n}.0.slot"].size[0] for n in (1, 2, 3)] == [32, 32, 16]
    assert [slots[f"group{n}.3.slot"].size[0] for n in (1, 2, 3)] == [32, 16, 8]
    assert [slots[f"group{n}.0.slot"].step.in_channels for n in (1, 2, 3)] == [16, 160, 320]
    assert [slots[f"group{n}.0.slot"].step.out_channels for n in (1, 2, 3)] == [160, 320, 640]
    assert plan.pool is None


def test_weighted_layers_make_the_28_of_the_name():
    """6 n + 4 with n blocks a group: the stem, two a block, and one more for each group."""
    blocks = sum(len(group) for group in plan_of().groups)
    assert 1 + 2 * blocks + 3 == 28


def test_batch_norm_and_activation_come_before_every_convolution_but_the_stems():
    plan = plan_of()
    assert (plan.stem[0].norm, plan.stem[0].activation) == ("none", "none")
    for group in plan.groups:
        for block in group:
            assert [step.name for step in block.steps] == ["slot", "conv"]
            assert {(step.norm, step.activation) for step in block.steps} == {("before", "relu")}
            assert block.activation == "none"
    (last,) = plan.head.tail
    assert (last.layer, last.norm, last.activation, last.out_channels) == (
        *("identity", "after", "relu"),
        640,
    )


def test_shortcuts_are_pooled_where_shapes_change_and_else_the_identity():
    for group in plan_of().groups:
        assert [block.shortcut for block in group] == ["pool"] + 3 * ["identity"]
    assert network_cost(plan_of()).params == 36_278_324  # summed by hand


def test_shortcuts_of_convolution_cost_what_a_1x1_map_does():
    shortcuts = [block.shortcut for group in plan_of(shortcut="conv").groups for block in group[:1]]
    assert all(isinstance(shortcut, Step) for shortcut in shortcuts)
    assert [(one.in_channels, one.out_channels, one.stride, one.norm) for one in shortcuts] == [
        (16, 160, 1, "none"),
        (160, 320, 2, "none"),
        (320, 640, 2, "none"),
    ]
    more = network_cost(plan_of(shortcut="conv")).params - network_cost(plan_of()).params
    assert more == 16 * 160 + 160 * 320 + 320 * 640


def test_squeeze_and_excitation_ends_each_block():
    last = [block.steps[-1] for group in plan_of("se_wrn28_10").groups for block in group]
    assert {step.layer for step in last} == {"squeeze_excite"}
    more = network_cost(plan_of("se_wrn28_10")).params - network_cost(plan_of()).params
    assert more == 4 * sum(2 * c * (c // 16) + c // 16 + c for c in (160, 320, 640))


def test_the_first_convolution_of_every_block_is_augmented_on_its_whole_map():
    slots = [place for place in placed_steps(plan_of("aa_wrn28_10")) if place.step.slot]
    assert {place.step.layer for place in slots} == {"augmented"}
    chosen = {place.step.options for place in slots}
    assert chosen == {AugmentedOptions(kappa=0.2, upsilon=0.1, heads=8, min_head_keys=20)}
    calls = [
        augmented_call(step.options, step.in_channels, step.out_channels, place.size, step.stride)
        for place in slots
        for step in (place.step,)
    ]
    assert [call.size[0] for call in calls] == 4 * [32] + 4 * [16] + 4 * [8]
    assert {call.key_width for call in calls} == {20}  # shares give 4, 8 and 16
    assert [call.value_width for call in calls] == 4 * [2] + 4 * [4] + 4 * [8]


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ({"shortcut": "identity"}, "shortcut=identity: Input should be 'pool' or 'conv'"),
        ({"mix": "conv,conv,conv,conv"}, "one for each of 3 groups"),
        ({"stem": "conv"}, "stem: no option of wrn28_10, allowed: mix, width, depth, classes"),
    ],
)
def test_a_mistake_is_one_line_with_what_is_allowed(raw, told):
    with pytest.raises(ConfigError) as caught:
        networks()["wrn28_10"].parse(raw)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_block_computes_what_the_paper_draws():
    """x' + conv(relu(bn(conv(relu(bn(x)))))), x' averaged over squares of two, zeros below."""
    torch.manual_seed(0)
    network = build_network(plan_of(width=0.05, depth=0.1)).train()
    block = network.get_submodule("group2.0")
    x = torch.randn(2, 8, 6, 6)
    y = functional.batch_norm(x, None, None, training=True).relu()
    y = functional.conv2d(y, block.slot.layer.weight, stride=2, padding=1)
    y = functional.batch_norm(y, None, None, training=True).relu()
    y = functional.conv2d(y, block.conv.layer.weight, padding=1)
    kept = functional.pad(functional.avg_pool2d(x, 2), (0, 0, 0, 0, 0, 8))
    torch.testing.assert_close(block(x.clone()), y + kept)
