"""RetinaNets: levels, anchors, weights that the levels share, and parameters added up by hand."""

import pytest
import torch

from sabench.catalog.networks import networks
from sabench.catalog.networks.cost import network_cost, network_parts
from sabench.catalog.networks.plan import placed_steps
from sabench.networks.build import build_network

BACKBONE = 25_557_032 - 2048 * 1000 - 1000
"""ResNet-50 as torchvision counts it, without its classifier."""
ATTENTION = 3 * 256 * 256 + 2 * 7 * 16
"""A layer of width 256: three projections, two tables of 7 rows of half a head's 32 channels."""
CONV = 9 * 256 * 256 + 256
ANSWERS = 6 * (90 + 4)
LEVELS = (80, 40, 20, 10, 5)

SMALL = {"width": 0.25, "depth": 0.1, "classes": 3}
ALL_ATTENTION = {"head": "self_attention", "fpn": "self_attention"}


def plan_of(name="retinanet_resnet50", resolution=640, **raw):
    network = networks()[name]
    options, overrides = network.parse(raw)
    assert network.problems(options, overrides, resolution) is None
    return network.plan(options, overrides, resolution)


def params_of(name="retinanet_resnet50", **raw):
    return network_cost(plan_of(name, **raw)).params


def small_network(resolution=64, **raw):
    torch.manual_seed(0)
    return build_network(plan_of(resolution=resolution, **SMALL, **raw)).eval()


def test_the_pyramid_has_the_five_usual_levels():
    plan = plan_of()
    towers = [place for place in placed_steps(plan) if place.path == "class_tower.hidden1"]
    assert [place.size for place in towers] == [(side, side) for side in LEVELS]
    merged = {place.path: place for place in placed_steps(plan) if place.path.startswith("fpn")}
    assert [merged[f"fpn.output{level}"].size[0] for level in (3, 4, 5)] == [80, 40, 20]
    assert [merged[f"fpn.coarser{level}"].out_size[0] for level in (6, 7)] == [10, 5]
    assert [merged[f"fpn.lateral{level}"].step.in_channels for level in (3, 4, 5)] == [
        512,
        1024,
        2048,
    ]


@pytest.mark.parametrize("raw", [{}, ALL_ATTENTION], ids=["conv", "attention"])
def test_every_anchor_of_every_position_has_its_logits_and_its_box(raw):
    with torch.device("meta"):
        network = build_network(plan_of(**raw)).eval()
        logits, offsets = network(torch.empty(2, 3, 640, 640))
    anchors = 6 * (80**2 + 40**2 + 20**2 + 10**2 + 5**2)
    assert anchors == 51_150
    assert logits.shape == (2, anchors, 90)
    assert offsets.shape == (2, anchors, 4)


def test_convolution_in_every_part_is_what_the_hand_adds_up():
    """SASA table 2: 33.4 M."""
    pyramid = (512 + 1024 + 2048 + 3) * 256 + 5 * CONV
    towers = 8 * CONV + 9 * 256 * ANSWERS + ANSWERS
    assert params_of() == BACKBONE + pyramid + towers == 33_397_364


def test_nine_anchors_a_position_have_half_as_many_answers_more():
    assert params_of(anchors=9) - params_of() == (9 * 256 + 1) * ANSWERS // 2


def test_attention_in_the_towers_is_what_the_hand_adds_up():
    """The last 3x3 convolution gives way to attention and a pointwise convolution with bias."""
    towers = 10 * ATTENTION + (256 + 1) * ANSWERS
    assert params_of(head="self_attention") - params_of() == towers - (
        8 * CONV + (9 * 256 + 1) * ANSWERS
    )


def test_attention_in_the_pyramid_takes_the_place_of_five_convolutions():
    assert params_of(fpn="self_attention") - params_of() == 5 * (ATTENTION - CONV)


def test_towers_cost_their_work_on_every_level_and_their_weights_once():
    parts = [part for part in network_parts(plan_of()) if part.path == "box_tower.hidden4"]
    assert [part.cost.params for part in parts] == [CONV, 0, 0, 0, 0]
    assert [part.cost.macs for part in parts] == [9 * 256 * 256 * side**2 for side in LEVELS]


def test_a_pyramids_strided_attention_looks_at_the_map_before_it_is_averaged():
    """Level 6 from the 400 positions of level 5: projections, and 49 keys with 3 x 256 products."""
    parts = {part.path: part.cost.macs for part in network_parts(plan_of(fpn="self_attention"))}
    assert parts["fpn.coarser6"] == 400 * (3 * 256 * 256 + 49 * 3 * 256)


def test_the_levels_share_the_towers():
    network = small_network()
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        before = network(image)
        network.box_tower.hidden2.layer.bias.add_(1)
        after = network(image)
    assert torch.equal(before[0], after[0])
    changed = (before[1] != after[1]).any(dim=2)[0]
    levels = changed.split([6 * side**2 for side in (8, 4, 2, 1, 1)])
    assert all(bool(level.any()) for level in levels)


def test_a_lateral_reaches_its_level_and_the_finer_ones_only():
    """Level 4 is added to level 3; 5, 6 and 7 come from the last group."""
    network = small_network()
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        before = network(image)[0]
        network.fpn.lateral4.layer.bias.add_(1)
        changed = (network(image)[0] != before).any(dim=2)[0]
    levels = changed.split([6 * side**2 for side in (8, 4, 2, 1, 1)])
    assert [bool(level.any()) for level in levels] == [True, True, False, False, False]


def test_level_7_comes_from_what_relu_leaves_of_level_6():
    network = small_network()
    with torch.no_grad():
        network.fpn.coarser6.layer.weight.zero_()
        network.fpn.coarser6.layer.bias.fill_(-1)
        network.fpn.coarser7.layer.bias.fill_(2)
        levels = network.fpn(network.maps(torch.randn(1, 3, 64, 64))[-3:])
    assert torch.equal(levels[3], torch.full((1, 256, 1, 1), -1.0))
    assert torch.equal(levels[4], torch.full((1, 256, 1, 1), 2.0))


def test_level_6_comes_from_all_of_level_5():
    network = small_network()
    with torch.no_grad():
        network.fpn.output5.layer.weight.zero_()
        network.fpn.output5.layer.bias.fill_(-1)
        levels = network.fpn(network.maps(torch.randn(1, 3, 64, 64))[-3:])
        expected = network.fpn.coarser6(torch.full((1, 256, 2, 2), -1.0))
    torch.testing.assert_close(levels[3], expected)


@pytest.mark.parametrize(("head", "last"), [("conv", ["out"]), ("self_attention", ["last", "out"])])
def test_four_hidden_layers_have_relu_and_what_answers_has_none(head, last):
    found = plan_of(head=head).head
    for tower in (found.class_tower, found.box_tower):
        assert [step.name for step in tower if step.activation == "relu"] == [
            f"hidden{number}" for number in (1, 2, 3, 4)
        ]
        assert [step.name for step in tower if step.activation == "none"] == last


def test_answers_stand_by_row_column_and_anchor():
    network = small_network(anchors=2)
    with torch.no_grad():
        for step in network.box_tower:
            step.layer.weight.zero_()
        network.box_tower.out.layer.bias.copy_(torch.arange(8.0))
        offsets = network(torch.randn(1, 3, 64, 64))[1][0]
    assert torch.equal(offsets, torch.arange(8.0).view(2, 4).repeat(64 + 16 + 4 + 1 + 1, 1))


def test_the_towers_values_start_small():
    """SASA, section 4.2: W_V of the heads has standard deviation 0.01."""
    network = small_network(**ALL_ATTENTION)
    for tower in (network.class_tower, network.box_tower):
        for name in ("hidden1", "hidden4", "last"):
            query, key, value = getattr(tower, name).layer.to_qkv.weight.chunk(3)
            assert value.std().item() == pytest.approx(0.01, rel=0.02)  # of 65 536 numbers
            assert min(query.std(), key.std()) > 0.02
    assert network.fpn.output3.layer.to_qkv.weight.std() > 0.02


@pytest.mark.parametrize("raw", [{}, ALL_ATTENTION], ids=["conv", "attention"])
def test_maps_that_two_does_not_divide_are_counted_and_merged(raw):
    """97 pixels: groups of 13, 7 and 4, then 2 and 1."""
    plan = plan_of(resolution=97, **SMALL, **raw)
    with torch.device("meta"):
        logits, _ = build_network(plan).eval()(torch.empty(1, 3, 97, 97))
    assert logits.shape[1] == 6 * (13**2 + 7**2 + 4**2 + 2**2 + 1)


def test_augmented_retinanets_pool_only_the_finest_augmented_group():
    """80 becomes 40 for the attention; 40 and 20 stay. No least width: 3, 6, 12 channels a key."""
    plan = plan_of("aa_retinanet_resnet50")
    expected, side = params_of(), {128: 40, 256: 40, 512: 20}
    for width, number in ((128, 4), (256, 6), (512, 3)):
        key, value = 8 * int(0.2 * width / 8), 8 * int(0.1 * width / 8)
        tables = (4 * side[width] - 2) * key // 8
        added = width * (2 * key + value) + value**2 + tables
        expected += number * (added - 9 * width * value)
    assert network_cost(plan).params == expected == 32_967_820


def test_pyramid_and_towers_have_a_width_of_their_own():
    half = {part.path: part.cost.params for part in network_parts(plan_of(width=0.5))}
    assert half["fpn.lateral5"] == (1024 + 1) * 256
    assert half["fpn.output3"] == half["fpn.coarser7"] == CONV
    laterals, towers = (512 + 1024 + 2048 + 3) * 64, 13 * (9 * 64 * 64 + 64)
    answers = (9 * 64 + 1) * ANSWERS
    assert params_of(fpn_width=64) == BACKBONE + laterals + towers + answers


def test_backbone_options_reach_the_backbone():
    plan = plan_of("se_retinanet_resnet101", mix="self_attention", stem="self_attention", width=0.5)
    held = {place.step.layer for place in placed_steps(plan) if place.path.startswith("group")}
    assert held == {"conv", "self_attention", "squeeze_excite"}
    assert next(placed_steps(plan)).step.layer == "attention_stem"
    assert plan.head.laterals[2].in_channels == 1024
    assert len(plan.groups[2]) == 23
