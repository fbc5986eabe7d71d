"""AA-ResNets against AACN: which convolutions are augmented, with what, on which maps."""

import pytest

from sabench.cases.point import single_case
from sabench.catalog.layers import layers
from sabench.catalog.networks import networks
from sabench.catalog.networks.plan import placed_steps
from sabench.errors import ConfigError

DEPTHS = (34, 50, 101, 152)


def slots_of(name, resolution=224, **raw):
    network = networks()[name]
    raw = {key.replace("__", "."): value for key, value in raw.items()}
    plan = network.plan(*network.parse(raw), resolution)
    return [place for place in placed_steps(plan) if place.step.slot]


def call_of(place):
    step = place.step
    return layers()["augmented"].attention(
        step.options, step.in_channels, step.out_channels, place.size, step.stride
    )


@pytest.mark.parametrize("depth", DEPTHS)
def test_groups_2_to_4_are_augmented_and_group_1_and_the_stem_are_not(depth):
    plain = [place.path for place in slots_of(f"resnet{depth}")]
    slots = slots_of(f"aa_resnet{depth}")
    assert [place.path for place in slots] == plain
    for place in slots:
        assert place.step.layer == ("conv" if place.path.startswith("group1") else "augmented")


@pytest.mark.parametrize("depth", DEPTHS)
def test_shares_are_a_quarter_in_34_and_a_fifth_and_a_tenth_in_the_others(depth):
    found = {
        (one.kappa, one.upsilon, one.heads, one.window, one.min_head_keys, one.max_map)
        for one in (place.step.options for place in slots_of(f"aa_resnet{depth}"))
        if place_is_augmented(one)
    }
    shares = (0.25, 0.25) if depth == 34 else (0.2, 0.1)
    assert found == {(*shares, 8, 3, 20, 14)}


def place_is_augmented(options):
    return hasattr(options, "kappa")


def test_the_28x28_group_attends_on_14x14_as_does_the_next():
    first = {
        place.path: call_of(place).size
        for place in slots_of("aa_resnet50")
        if place.step.layer == "augmented"
    }
    assert {path: size for path, size in first.items() if path.endswith(".1.slot")} == {
        "group2.1.slot": (14, 14),
        "group3.1.slot": (14, 14),
        "group4.1.slot": (7, 7),
    }
    assert first["group2.0.slot"] == (14, 14)  # 56 by the stride, then pooled
    assert first["group3.0.slot"] == (14, 14)  # 28 by the stride


def test_keys_have_20_dimensions_a_head_until_the_share_gives_more():
    """0.2 of 128, 256, 512 channels are 3, 6, 12 dimensions a head; 1.0 are 16, 32, 64."""
    for shares, keys in (((0.2, 0.1), (20, 20, 20)), ((1, 1), (20, 32, 64))):
        slots = slots_of("aa_resnet50", kappa=shares[0], upsilon=shares[1])
        calls = {place.path: call_of(place) for place in slots if place.step.layer == "augmented"}
        assert [calls[f"group{n}.1.slot"].key_width for n in (2, 3, 4)] == list(keys)


def test_values_of_all_channels_leave_no_convolution():
    cost = layers()["augmented"].cost
    place = {one.path: one for one in slots_of("aa_resnet50", kappa=1, upsilon=1)}["group4.1.slot"]
    params = cost(place.step.options, 512, 512, place.size, 1).params
    assert params == 512 * 3 * 512 + 512 * 512 + 2 * 13 * 64  # qkv, output, tables


def test_the_networks_options_reach_augmented_slots_and_no_others():
    slots = slots_of("aa_resnet50", mix="conv,halo,augmented,conv", kappa=0.5, heads=4)
    assert {place.step.layer for place in slots} == {"conv", "halo", "augmented"}
    for place in slots:
        if place.step.layer == "augmented":
            assert (place.step.options.kappa, place.step.options.heads) == (0.5, 4)
        else:
            assert place.step.options == layers()[place.step.layer].options()


def test_an_override_of_what_the_network_does_not_set_reaches_the_slots():
    slots = slots_of("aa_resnet50", augmented__max_map=0, augmented__min_head_keys=1)
    augmented = [place for place in slots if place.step.layer == "augmented"]
    assert {place.step.options.max_map for place in augmented} == {0}
    assert call_of(augmented[1]).size == (28, 28)
    assert call_of(augmented[1]).key_width == 3  # 0.2 * 128 / 8


@pytest.mark.parametrize(
    ("raw", "start", "told"),
    [
        ({"kappa": 0}, "kappa=0:", "allowed: more than 0, at most 1"),
        ({"upsilon": 1.5}, "upsilon=1.5:", "allowed: more than 0, at most 1"),
        ({"heads": 0}, "heads=0:", "allowed: at least 1, at most 1000000"),
        ({"kapa": 0.5}, "kapa: no option of aa_resnet50", "nearest: kappa"),
        ({"augmented.kappa": 0.5}, "augmented.kappa:", "through its option kappa"),
        ({"augmented.heads": 4}, "augmented.heads:", "through its option heads"),
    ],
)
def test_a_mistake_is_one_line_with_what_is_allowed(raw, start, told):
    with pytest.raises(ConfigError) as caught:
        networks()["aa_resnet50"].parse(raw)
    message = str(caught.value)
    assert message.startswith(start)
    assert told in message
    assert "\n" not in message


def test_a_share_of_less_than_a_value_channel_names_the_slot():
    network = networks()["aa_resnet50"]
    problem = network.problems(*network.parse({"upsilon": 0.05}), 224)
    assert problem is not None
    assert problem.text.startswith(
        "group2.0.slot, augmented on 56x56: upsilon=0.05 of channels=128"
    )


def test_an_id_states_what_differs_from_the_network_in_the_order_of_declaration():
    raw = {"upsilon": 0.25, "augmented.max_map": 14, "kappa": 0.25, "width": 0.5}
    assert single_case("aa_resnet50", raw).case_id.split("/")[1] == (
        "resolution=224,width=0.5,kappa=0.25,upsilon=0.25"
    )
    assert single_case("aa_resnet34", {"kappa": 0.25}).case_id.split("/")[1] == "resolution=224"
    assert single_case("aa_resnet50", {"kappa": 1.0, "upsilon": 1}).case_id.split("/")[1] == (
        "resolution=224,kappa=1,upsilon=1"
    )
