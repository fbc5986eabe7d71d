"""What a suite or a command line may say about a network, and what an id then states."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sabench.catalog.networks import networks
from sabench.errors import ConfigError

RESNET50 = networks()["resnet50"]
HALONET_H3 = networks()["halonet_h3"]

MISTAKES = (
    ("resnet50", {"mixx": "conv"}, "mixx: no option of resnet50", "nearest: mix"),
    ("resnet50", {"mix": "conv,hallo,conv,conv"}, "mix=conv,hallo,conv,conv: 'hallo'", "halo"),
    ("resnet50", {"mix": "conv,conv"}, "mix=conv,conv: 2 values", "each of 4 groups"),
    ("resnet50", {"mix": 3}, "mix=3:", "string"),
    ("resnet50", {"stem": "attention"}, "stem=attention:", "'self_attention', 'patch' or 'small'"),
    ("resnet50", {"width": 0}, "width=0:", "greater than 0"),
    ("resnet50", {"depth": True}, "depth=True:", "valid"),
    ("resnet50", {"classes": 10.5}, "classes=10.5:", "integer"),
    ("resnet50", {"self_atention.window": 7}, "self_atention.window:", "nearest: self_attention"),
    ("resnet50", {"self_attention.windw": 7}, "self_attention.windw:", "nearest: window"),
    ("resnet50", {"self_attention.window": -1}, "self_attention.window=-1:", "equal to 1"),
    ("halonet_h0", {"heads": "4,8,x,8"}, "heads=4,8,x,8: 'x'", "whole number"),
    ("halonet_h0", {"heads": "4,8,0,8"}, "heads=4,8,0,8: '0'", "whole number"),
    ("halonet_h0", {"halo.block": 4}, "halo.block:", "through its option block"),
)


@pytest.mark.parametrize(
    ("name", "raw", "start", "told"), MISTAKES, ids=[next(iter(raw)) for _, raw, _, _ in MISTAKES]
)
def test_a_mistake_is_one_line_that_starts_with_its_key(name, raw, start, told):
    with pytest.raises(ConfigError) as caught:
        networks()[name].parse(raw)
    message = str(caught.value)
    assert message.startswith(start)
    assert told in message
    assert "\n" not in message


def test_four_equal_names_are_one_name():
    options, _ = RESNET50.parse({"mix": "halo, halo,halo,halo"})
    assert options == RESNET50.parse({"mix": "halo"})[0]


def test_heads_may_be_given_as_one_number():
    assert HALONET_H3.parse({"heads": 8})[0].heads == "8"


def test_options_that_are_not_given_are_the_networks_own():
    options, _ = HALONET_H3.parse({"df": 1280})
    assert (options.block, options.rb, options.l3, options.df) == (10, 1.5, 12, 1280)


def test_defaults_are_not_stated():
    raw = {"mix": "conv,conv,conv,conv", "width": 1.0, "stem": "conv"}
    assert RESNET50.stated(*RESNET50.parse(raw)) == {}


def test_stated_options_follow_the_declaration_and_then_come_overrides():
    raw = {
        "halo.halo": 1,
        "self_attention.heads": 4,
        "self_attention.window": 5,
        "classes": 10,
        "mix": "self_attention,self_attention,halo,halo",
    }
    stated = RESNET50.stated(*RESNET50.parse(raw))
    assert list(stated) == [
        "mix",
        "classes",
        "self_attention.window",
        "self_attention.heads",
        "halo.halo",
    ]
    assert RESNET50.stated(*RESNET50.parse(stated)) == stated


def test_an_override_that_changes_no_slot_is_not_stated():
    raw = {"mix": "self_attention", "self_attention.window": 7, "self_attention.heads": 4}
    stated = RESNET50.stated(*RESNET50.parse(raw))
    assert stated == {"mix": "self_attention", "self_attention.heads": 4}


def test_an_override_of_a_layer_that_no_slot_holds_is_a_problem():
    options, overrides = RESNET50.parse({"self_attention.window": 5})
    problem = RESNET50.problems(options, overrides, 224)
    assert problem is not None
    assert problem.key == "self_attention.window"
    assert "no slot" in problem.text


def test_a_problem_names_the_first_slot_that_cannot_be_built():
    options, overrides = RESNET50.parse(
        {"mix": "conv,self_attention", "width": 1} | {"mix": "conv"}
    )
    assert RESNET50.problems(options, overrides, 224) is None
    options, overrides = RESNET50.parse(
        {"mix": "conv,conv,halo,halo", "halo.heads": 48, "halo.block": 4}
    )
    problem = RESNET50.problems(options, overrides, 224)
    assert problem is not None
    assert problem.key == "halo.heads"
    assert problem.text.startswith("group3.0.slot, halo on 28x28: heads=48")


def test_every_network_can_be_built_at_its_own_resolution():
    for network in networks().values():
        assert network.problems(network.defaults, {}, network.resolution) is None


@given(
    mix=st.lists(st.sampled_from(("conv", "halo", "augmented")), min_size=4, max_size=4),
    width=st.sampled_from((0.25, 0.5, 1, 1.5, 2.0)),
    heads=st.lists(st.integers(1, 64), min_size=4, max_size=4),
    window=st.integers(1, 15),
    border=st.sampled_from(("mask", "zeros")),
)
def test_what_is_stated_reads_back_as_what_was_said(mix, width, heads, window, border):
    said = {
        "halo.border": border,
        "conv.window": window,
        "mix": ",".join(mix),
        "width": width,
        "heads": ",".join(map(str, heads)),
    }
    options, overrides = HALONET_H3.parse(said)
    stated = HALONET_H3.stated(options, overrides)
    again = HALONET_H3.parse(stated)
    assert HALONET_H3.stated(*again) == stated
    assert again[0] == options
    assert HALONET_H3.plan(*again, 320) == HALONET_H3.plan(options, overrides, 320)
