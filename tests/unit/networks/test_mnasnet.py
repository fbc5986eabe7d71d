"""MnasNet-A1 against the stages of its paper's figure."""

import pytest
import torch
from torch.nn import functional

from sabench.catalog.layers.augmented import augmented_call, augmented_widths
from sabench.catalog.networks import networks
from sabench.catalog.networks.mnasnet import in_eights
from sabench.catalog.networks.plan import placed_steps
from sabench.errors import ConfigError
from sabench.networks.build import build_network


def plan_of(name="mnasnet", resolution=224, **raw):
    network = networks()[name]
    return network.plan(*network.parse(raw), resolution)


def places_of(plan):
    return {place.path: place for place in placed_steps(plan)}


def test_groups_have_the_figures_blocks_maps_and_channels():
    plan = plan_of()
    assert [len(group) for group in plan.groups] == [1, 2, 3, 4, 2, 3, 1]
    places = places_of(plan)
    last = [places[f"group{n}.{len(group) - 1}.project"] for n, group in enumerate(plan.groups, 1)]
    assert [place.out_size[0] for place in last] == [112, 56, 28, 14, 14, 7, 7]
    assert [place.step.out_channels for place in last] == [16, 24, 40, 80, 112, 160, 320]
    assert (places["stem.conv"].step.out_channels, places["stem.conv"].out_size[0]) == (32, 112)
    assert (places["tail.conv"].step.in_channels, plan.head.features) == (320, 1280)


def test_the_depthwise_convolution_has_the_window_and_the_first_of_a_group_the_stride():
    places = places_of(plan_of())
    first = [places[f"group{n}.0.depthwise"].step for n in range(1, 8)]
    assert all(step.options.depthwise for step in first)
    assert [step.options.window for step in first] == [3, 3, 5, 3, 3, 5, 3]
    assert [step.stride for step in first] == [1, 2, 2, 2, 1, 2, 1]
    assert [step.in_channels for step in first] == [32, 96, 72, 240, 480, 672, 960]
    assert {places[path].step.stride for path in ("group4.1.depthwise", "group6.2.depthwise")} == {
        1
    }


def test_the_first_group_expands_nothing():
    assert [step.name for step in plan_of().groups[0][0].steps] == ["depthwise", "project"]


def test_slots_are_the_expansions_of_the_13_blocks_that_leave_28_or_less():
    slots = [place for place in placed_steps(plan_of()) if place.step.slot]
    assert len(slots) == 13
    assert {place.path.split(".")[0] for place in slots} == {f"group{n}" for n in range(3, 8)}
    assert {place.step.options.window for place in slots} == {1}
    assert [place.size[0] for place in slots] == [56, 28, 28, 28, *[14] * 3, *[14] * 3, 7, 7, 7]


def test_squeeze_and_excitation_follows_the_depthwise_convolution_with_a_quarter_of_the_input():
    plan = plan_of()
    excited = {
        number: [
            step.options.inner for block in group for step in block.steps if step.name == "excite"
        ]
        for number, group in enumerate(plan.groups, 1)
    }
    assert excited == {1: [], 2: [], 3: [6, 10, 10], 4: [], 5: [20, 28], 6: [28, 40, 40], 7: []}
    assert [step.name for step in plan.groups[2][0].steps] == [
        *("slot", "depthwise", "excite", "project")
    ]


def test_a_block_is_added_to_its_input_only_where_shapes_agree():
    shortcuts = [[block.shortcut for block in group] for group in plan_of().groups]
    assert shortcuts == [["none"] + (n - 1) * ["identity"] for n in (1, 2, 3, 4, 2, 3, 1)]
    assert {block.activation for group in plan_of().groups for block in group} == {"none"}


def test_the_projection_is_linear():
    places = places_of(plan_of())
    assert places["group3.0.project"].step.activation == "none"
    assert places["group3.0.slot"].step.activation == "relu"
    assert places["group3.0.depthwise"].step.activation == "relu"


@pytest.mark.parametrize(
    ("channels", "rounded"),
    [
        (12, 16),
        (11.9, 16),
        (16, 16),
        (18, 24),
        (22.4, 24),
        (30, 32),
        (33.6, 32),
        (44.8, 48),
        (2, 8),
    ],
)
def test_channels_are_multiples_of_eight_and_lose_a_tenth_at_most(channels, rounded):
    assert in_eights(channels) == rounded


def test_width_leaves_the_head_as_it_is():
    plan = plan_of(width=1.4)
    places = places_of(plan)
    assert places["stem.conv"].step.out_channels == 48  # 44.8
    assert [places[f"group{n}.0.project"].step.out_channels for n in range(1, 8)] == [
        *(24, 32, 56, 112, 160, 224, 448)  # 22.4, 33.6, 56, 112, 156.8, 224, 448
    ]
    assert plan.head.features == 1280


def test_mix_names_the_layers_of_five_groups():
    with pytest.raises(ConfigError, match="one for each of 5 groups"):
        networks()["mnasnet"].parse({"mix": "conv,augmented"})
    plan = plan_of(mix="conv,conv,conv,augmented,augmented")
    layers = [place.step.layer for place in placed_steps(plan) if place.step.slot]
    assert layers == 9 * ["conv"] + 4 * ["augmented"]


def test_the_slots_of_aa_mnasnet_are_augmented_1x1_convolutions_on_14x14_at_most():
    slots = [place for place in placed_steps(plan_of("aa_mnasnet")) if place.step.slot]
    assert [place.path for place in slots] == [
        place.path for place in placed_steps(plan_of()) if place.step.slot
    ]
    assert {place.step.layer for place in slots} == {"augmented"}
    chosen = {place.step.options for place in slots}
    assert {(one.window, one.kappa, one.upsilon, one.heads) for one in chosen} == {
        (1, 0.1, 0.05, 4)
    }
    calls = [
        augmented_call(
            place.step.options, place.step.in_channels, place.step.out_channels, place.size, 1
        )
        for place in slots
    ]
    assert [call.size[0] for call in calls] == 10 * [14] + 3 * [7]


def test_keys_and_values_of_aa_mnasnet_are_multiples_of_four_and_at_least_four():
    """Shares of 72, 120, 240, 480, 672 and 960 channels, in four heads."""
    slots = [place.step for place in placed_steps(plan_of("aa_mnasnet")) if place.step.slot]
    widths = {
        step.out_channels: augmented_widths(step.options, step.out_channels) for step in slots
    }
    assert widths == {
        72: (4, 4),  # 7.2, 3.6
        120: (12, 4),  # 12, 6
        240: (24, 12),
        480: (48, 24),
        672: (64, 32),  # 67.2, 33.6
        960: (96, 48),
    }


def test_another_convolution_in_a_slot_of_aa_mnasnet_stays_1x1():
    slots = [place.step for place in placed_steps(plan_of("aa_mnasnet", mix="conv"))]
    assert {step.options.window for step in slots if step.slot} == {1}


def test_a_block_computes_what_the_figure_draws():
    """Expand, depthwise, weigh by the channels' means, project, add."""
    torch.manual_seed(0)
    network = build_network(plan_of(resolution=32, width=0.25)).train()
    block = network.get_submodule("group3.1")
    x = torch.randn(2, 16, 6, 6)
    y = functional.conv2d(x, block.slot.layer.weight)
    y = functional.batch_norm(y, None, None, training=True).relu()
    y = functional.conv2d(y, block.depthwise.layer.weight, padding=2, groups=48)
    y = functional.batch_norm(y, None, None, training=True).relu()
    weights = block.excite.layer.squeeze(y.mean((2, 3))).relu()
    assert weights.shape == (2, 4)  # a quarter of 16
    y = y * block.excite.layer.excite(weights).sigmoid()[:, :, None, None]
    y = functional.conv2d(y, block.project.layer.weight)
    torch.testing.assert_close(block(x), x + functional.batch_norm(y, None, None, training=True))
