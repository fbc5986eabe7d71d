"""--axis in the place of a suite's values: whom it reaches, whom it leaves, what it refuses."""

import pytest

from sabench.cases.expand import expand
from sabench.cases.parse import parse_suite
from sabench.cases.scalars import parse_axes
from sabench.errors import SuiteError

TWO = "axes: {size: [56, 14]}\nlayers: [{layer: conv, window: [3, 5]}, {layer: halo, size: 28}]"

MIXED = """
networks:
  - network: resnet26
    mix: [conv, self_attention, halo]
  - network: resnet34
  - network: halonet_h0
"""


def expanded(text, axes):
    """The expansion of a suite's lines, its name and file filled in."""
    return expand(parse_suite(("name: x\n" + text).encode(), "x.yaml"), axes=axes)


def ids(text, axes):
    return [case.case_id for case in expanded(text, axes).cases]


def told(text, axes):
    """The one line that the overrides end in."""
    with pytest.raises(SuiteError) as caught:
        expanded(text, axes)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def test_an_axis_from_the_command_line_replaces_shared_and_own_values():
    assert {case.size for case in expanded(TWO, {"size": [7]}).cases} == {7}


def test_an_option_from_the_command_line_reaches_the_layers_that_have_it():
    cases = expanded(TWO, {"window": [9], "size": [7]}).cases
    assert [(case.subject, case.options) for case in cases] == [
        ("conv", {"window": 9}),
        ("halo", {}),
    ]


def test_an_option_can_be_given_to_one_layer_alone():
    text = "layers: [{layer: halo}, {layer: global_attention, size: 14}]"
    cases = expanded(text, {"halo.heads": [4, 2]}).cases
    assert [(case.subject, case.options) for case in cases] == [
        ("halo", {"heads": 4}),
        ("halo", {"heads": 2}),
        ("global_attention", {}),
    ]


def test_an_option_of_a_networks_slot_can_be_given():
    text = "networks: [{network: resnet26, mix: self_attention}]"
    case = expanded(text, {"self_attention.window": [5]}).cases[0]
    assert case.options == {"mix": "self_attention", "self_attention.window": 5}


def test_values_that_differ_in_a_late_digit_are_two_cases():
    text = "layers: [{layer: augmented, size: 14}]"
    shares = [0.3333333, 0.33333333]
    assert ids(text, {"kappa": shares, "upsilon": [0.5]}) == [
        f"augmented/channels=64,size=14,kappa={share},upsilon=0.5/forward.fp32.blocked.eager"
        for share in shares
    ]


@pytest.mark.parametrize(
    ("axes", "line"),
    [
        ({"widow": [3]}, "--axis: unknown key of this suite 'widow', allowed: "),
        ({"window": ["nine"]}, "--axis window=nine: window: 'nine' is not a whole number"),
        ({"size": [0]}, "--axis size=0: size: 0 is not allowed, 1 to 100000"),
        ({"size": []}, "--axis size: needs at least one value"),
        ({"device": ["cpu"]}, "--axis device: a device is no axis of the cases, give --device"),
        ({"resolution": [224]}, "--axis: unknown key of this suite 'resolution', allowed: "),
        ({"dtype": ["fp8"]}, "--axis dtype=fp8: unknown dtype 'fp8', allowed: fp32"),
        (
            {"window": [4]},
            "--axis window=4: no case is possible with window=4: window=4 is even",
        ),
    ],
)
def test_an_override_that_makes_no_sense_is_one_line(axes, line):
    with pytest.raises(SuiteError) as caught:
        expanded(TWO, axes)
    assert str(caught.value).startswith(line)
    assert len(str(caught.value).splitlines()) == 1


def options_of(text, *given):
    """Subject and options of every case, from --axis as typed."""
    found = expanded(text, parse_axes(given))
    assert found.dropped == ()
    return [(case.subject, case.options) for case in found.cases]


def test_a_mix_with_commas_is_one_network():
    text = "networks: [{network: resnet26}]"
    assert options_of(text, "mix=conv,conv,halo,halo") == [
        ("resnet26", {"mix": "conv,conv,halo,halo"})
    ]


def test_semicolons_separate_mixes():
    text = "networks: [{network: resnet26}]"
    assert options_of(text, "mix=conv,conv,halo,halo; halo") == [
        ("resnet26", {"mix": "conv,conv,halo,halo"}),
        ("resnet26", {"mix": "halo"}),
    ]


def test_heads_with_commas_are_one_networks_groups_and_a_layers_values():
    text = "layers: [{layer: halo, size: 14}]\nnetworks: [{network: halonet_h0}]"
    assert options_of(text, "heads=4,4,8,8") == [
        ("halo", {"heads": 4}),
        ("halo", {}),
        ("halonet_h0", {"heads": "4,4,8,8"}),
    ]


def test_semicolons_separate_heads_wherever_they_reach():
    text = "layers: [{layer: halo, size: 14}]\nnetworks: [{network: halonet_h0}]"
    assert options_of(text, "heads=2;4") == [
        ("halo", {"heads": 2}),
        ("halo", {"heads": 4}),
        ("halonet_h0", {"heads": "2"}),
        ("halonet_h0", {"heads": "4"}),
    ]


def test_a_mix_of_two_says_what_separates_what():
    line = told("networks: [{network: resnet26}]", parse_axes(["mix=conv,halo"]))
    assert line.startswith("--axis mix=conv,halo: mix=conv,halo: 2 values: give one, or one for")
    assert line.endswith("; here commas separate groups, and ; separates values")


def test_an_option_of_a_slot_leaves_what_has_no_such_slot_as_it_is():
    assert options_of(MIXED, "self_attention.window=5") == [
        ("resnet26", {}),
        ("resnet26", {"mix": "self_attention", "self_attention.window": 5}),
        ("resnet26", {"mix": "halo"}),
        ("resnet34", {}),
        ("halonet_h0", {}),
    ]


def test_an_option_of_a_slot_leaves_networks_that_govern_it_as_they_are():
    assert options_of(MIXED, "halo.block=4") == [
        ("resnet26", {}),
        ("resnet26", {"mix": "self_attention"}),
        ("resnet26", {"mix": "halo", "halo.block": 4}),
        ("resnet34", {}),
        ("halonet_h0", {}),
    ]


def test_a_mix_given_beside_an_option_of_its_slots_counts():
    text = "networks: [{network: resnet34}]"
    for given in (["halo.block=4", "mix=conv;halo"], ["mix=conv;halo", "halo.block=4"]):
        assert options_of(text, *given) == [
            ("resnet34", {}),
            ("resnet34", {"mix": "halo", "halo.block": 4}),
        ]


def test_an_option_that_reaches_a_layer_leaves_the_networks_as_they_are():
    text = "layers: [{layer: self_attention}]\nnetworks: [{network: resnet34}]"
    assert options_of(text, "self_attention.window=5") == [
        ("self_attention", {"window": 5}),
        ("resnet34", {}),
    ]


def test_an_option_that_finds_no_slot_at_all_is_refused():
    line = told("networks: [{network: resnet34}]", {"halo.block": [4]})
    assert line == "--axis halo.block=4: no slot of the suite's networks holds halo"


def test_an_option_that_every_network_governs_names_the_one_to_give():
    line = told("networks: [{network: halonet_h0}]", {"halo.block": [4]})
    assert line == "--axis halo.block: halonet_h0 sets it through its option block"


def test_a_slots_wrong_value_is_refused_though_networks_without_it_stand_beside():
    line = told(MIXED, {"self_attention.window": [4]})
    assert line.startswith("--axis self_attention.window=4: no case is possible with")
