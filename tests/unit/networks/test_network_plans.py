"""The plans against the papers' descriptions of the networks."""

import pytest

from sabench.catalog.networks import networks
from sabench.catalog.networks.cost import network_cost
from sabench.catalog.networks.plan import placed_steps

BLOCKS = {
    "resnet26": (1, 2, 4, 1),
    "resnet34": (3, 4, 6, 3),
    "resnet38": (2, 3, 5, 2),
    "resnet50": (3, 4, 6, 3),
    "resnet101": (3, 4, 23, 3),
    "resnet152": (3, 8, 36, 3),
    "halonet_h0": (3, 3, 7, 3),
    "halonet_h7": (3, 3, 26, 3),
}


def plan_of(name, resolution=None, **raw):
    network = networks()[name]
    options, overrides = network.parse({key.replace("__", "."): raw[key] for key in raw})
    return network.plan(options, overrides, resolution or network.resolution)


@pytest.mark.parametrize("name", BLOCKS)
def test_groups_have_the_papers_number_of_blocks(name):
    assert tuple(len(group) for group in plan_of(name).groups) == BLOCKS[name]


def test_weighted_layers_make_the_number_in_the_name():
    """One in the stem, three a bottleneck or two a basic block, the classifier."""
    for name, per_block in (("resnet26", 3), ("resnet50", 3), ("resnet152", 3), ("resnet34", 2)):
        blocks = sum(len(group) for group in plan_of(name).groups)
        assert name == f"resnet{per_block * blocks + 2}"


def test_only_the_slot_of_a_groups_first_block_has_a_stride_and_its_shortcut_the_same():
    for place in placed_steps(plan_of("resnet50", mix="self_attention")):
        group, _, rest = place.path.partition(".")
        first = rest.split(".")[0] == "0" and group in ("group2", "group3", "group4")
        if group.startswith("group"):
            name = rest.split(".")[1]
            assert place.step.stride == (2 if first and name in ("slot", "shortcut") else 1)


@pytest.mark.parametrize(
    ("resolution", "maps"), [(224, (56, 28, 14, 7)), (225, (57, 29, 15, 8)), (30, (8, 4, 2, 1))]
)
@pytest.mark.parametrize("stem", ["conv", "self_attention"])
def test_both_stems_leave_a_quarter_of_any_resolution(stem, resolution, maps):
    slots = [
        place
        for place in placed_steps(plan_of("resnet26", resolution, stem=stem))
        if place.step.slot and place.path.startswith("group")
    ]
    assert sorted({place.out_size[0] for place in slots}, reverse=True) == list(maps)


def test_mix_names_the_layer_of_each_group_in_order():
    plan = plan_of("resnet26", mix="conv,self_attention,augmented,halo")
    layers = [
        {step.layer for block in group for step in block.steps if step.slot}
        for group in plan.groups
    ]
    assert layers == [{"conv"}, {"self_attention"}, {"augmented"}, {"halo"}]


def test_an_override_reaches_every_slot_and_no_plain_convolution():
    plan = plan_of("resnet26", mix="conv,conv,halo,halo", conv__window=5)
    windows = {
        (place.step.slot, place.step.name): place.step.options.window
        for place in placed_steps(plan)
        if place.step.layer == "conv"
    }
    assert windows == {
        (False, "conv"): 7,
        (False, "reduce"): 1,
        (True, "slot"): 5,
        (False, "expand"): 1,
        (False, "shortcut"): 1,
    }


def test_width_times_every_base_width():
    steps = {place.path: place.step for place in placed_steps(plan_of("resnet50", width=0.5))}
    assert steps["stem.conv"].out_channels == 32
    assert [steps[f"group{n}.0.slot"].out_channels for n in (1, 2, 3, 4)] == [32, 64, 128, 256]
    assert steps["group4.2.expand"].out_channels == 1024


def test_depth_times_every_groups_blocks_is_rounded_up():
    assert [len(group) for group in plan_of("resnet26", depth=0.5).groups] == [1, 1, 2, 1]
    assert [len(group) for group in plan_of("resnet50", depth=1.1).groups] == [4, 5, 7, 4]
    assert [len(group) for group in plan_of("resnet50", depth=1 / 3).groups] == [1, 2, 2, 1]


def test_a_basic_block_has_its_slot_first_and_then_a_convolution():
    block = plan_of("resnet34", mix="halo").groups[1][0]
    assert [(step.layer, step.slot, step.stride) for step in block.steps] == [
        ("halo", True, 2),
        ("conv", False, 1),
    ]
    assert (block.steps[0].in_channels, block.steps[0].out_channels) == (64, 128)


def test_halonet_slots_take_the_columns_of_the_table():
    slots = [
        place.step
        for place in placed_steps(plan_of("halonet_h5"))
        if place.step.slot and place.path.split(".")[1] == "0"
    ]
    widths = (64, 128, 256, 512)
    assert [step.options.heads for step in slots] == [4, 8, 8, 8]
    assert [(step.in_channels, step.out_channels) for step in slots] == [
        (width, width * 5 // 2) for width in widths
    ]
    assert {(step.options.block, step.options.halo, step.options.rv) for step in slots} == {
        (14, 2, 2.5)
    }


def test_another_layer_in_a_halonet_keeps_the_base_width():
    slot = plan_of("halonet_h7", mix="conv,halo,halo,halo").groups[0][0].steps[1]
    assert (slot.layer, slot.in_channels, slot.out_channels) == ("conv", 64, 64)


def test_a_halonet_has_a_last_convolution_only_where_the_table_has_df():
    assert plan_of("halonet_h2").head.tail == ()
    assert plan_of("halonet_h2").head.features == 640
    assert plan_of("halonet_h3").head.tail[0].out_channels == 1024
    assert plan_of("halonet_h3").head.features == 1024


def test_a_shortcut_is_the_identity_where_shapes_agree():
    """H1 keeps 64 channels through group 1; ResNet-50 goes from 64 to 256."""
    assert plan_of("halonet_h1").groups[0][0].shortcut == "identity"
    assert plan_of("resnet50").groups[0][0].shortcut != "identity"
    assert plan_of("resnet50").groups[0][1].shortcut == "identity"


def test_a_stem_of_patches_leaves_a_quarter_without_a_pool():
    plan = plan_of("resnet26", stem="patch")
    places = {place.path: place for place in placed_steps(plan)}
    assert plan.pool is None
    assert places["stem.conv"].step.options.window == 4
    assert places["stem.conv"].out_size == (56, 56)
    assert places["group1.0.reduce"].size == (56, 56)


def test_the_stem_for_small_images_keeps_every_pixel():
    plan = plan_of("resnet26", resolution=32, stem="small")
    sizes = [place.out_size for place in placed_steps(plan) if place.path.endswith("0.slot")]
    assert plan.pool is None
    assert sizes == [(32, 32), (16, 16), (8, 8), (4, 4)]
    fewer = network_cost(plan_of("resnet26", resolution=32)).params - network_cost(plan).params
    assert fewer == (7 * 7 - 3 * 3) * 3 * 64


def test_squeeze_and_excitation_ends_a_block_and_divides_its_channels():
    for name, out in (("resnet26", 256), ("resnet34", 64)):
        last = plan_of(name, se=16).groups[0][0].steps[-1]
        assert (last.layer, last.in_channels, last.out_channels, last.norm) == (
            "squeeze_excite",
            out,
            out,
            "none",
        )
        assert last.options.reduction == 16
    assert {step.layer for step in plan_of("resnet26").groups[0][0].steps} == {"conv"}


def test_the_activation_option_reaches_every_place_that_had_one():
    activations = {place.step.activation for place in placed_steps(plan_of("resnet26"))}
    assert activations == {"none", "relu"}
    changed = {
        place.step.activation for place in placed_steps(plan_of("resnet26", activation="silu"))
    }
    assert changed == {"none", "silu"}
