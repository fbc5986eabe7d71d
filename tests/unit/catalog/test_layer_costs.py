"""Closed forms of the layers' variants, worked by hand: 8 channels in, 16 out, two heads."""

import pytest

from sabench.catalog.layers import layers

CONV, PIXELS = 9 * 8 * 8, 96
"""The augmented layer's 3x3 convolution to half of the channels, on a map of 8 x 12."""

COSTS = {  # 384 = 3 x 8 x 16 projections, heads of 8 channels, 9 keys of 30 queries
    "self_attention": (
        ({}, 384 + 3 * 8, 384 * 30 + 2 * 30 * 9 * (8 + 8 + 8)),
        ({"position": "absolute"}, 384, 384 * 30 + 2 * 30 * 9 * (8 + 8)),
        ({"position": "none"}, 384, 384 * 30 + 2 * 30 * 9 * (8 + 8)),
        ({"content": False}, 256 + 3 * 8, 256 * 30 + 2 * 30 * 9 * (8 + 8)),
    ),
    # 128 = 8 x 16 a projection, blocks of 4 x 4 on 64 pixels, no position logits
    "attention_stem": (
        ({}, 4 * 128 + (4 + 4 + 2) * 8, (4 * 128 + 2 * 16) * 64 + 2 * 64 * 16 * (8 + 8)),
        ({"mixtures": 1}, 3 * 128, 3 * 128 * 64 + 2 * 64 * 16 * (8 + 8)),
        ({"values": "conv"}, 18 * 128, 18 * 128 * 64 + 2 * 64 * 16 * (8 + 8)),
    ),
    # keys and values 8 wide, 4 a head: 8 x 24 for qkv, 8 x 8 after the heads
    "augmented": (
        ({}, CONV + 256 + 38 * 4, (CONV + 256) * PIXELS + 2 * PIXELS**2 * 12),
        ({"position": "sine"}, CONV + 256, (CONV + 256) * PIXELS + 2 * PIXELS**2 * 8),
        ({"position": "none"}, CONV + 256, (CONV + 256) * PIXELS + 2 * PIXELS**2 * 8),
        (
            {"position": "coordconv"},
            CONV + 11 * 24 + 64,
            (CONV + 11 * 24 + 64) * PIXELS + 2 * PIXELS**2 * 8,
        ),
        ({"max_map": 5}, CONV + 256 + 8 * 4, CONV * PIXELS + 256 * 6 + 2 * 6**2 * 12),
        ({"max_map": 6}, CONV + 256 + 18 * 4, CONV * PIXELS + 256 * 24 + 2 * 24**2 * 12),
        ({"max_map": 12}, CONV + 256 + 38 * 4, (CONV + 256) * PIXELS + 2 * PIXELS**2 * 12),
        (
            {"min_head_values": 5},
            9 * 8 * 6 + 8 * 26 + 100 + 38 * 4,
            (9 * 8 * 6 + 8 * 26 + 100) * PIXELS + 2 * PIXELS**2 * (4 + 4 + 5),
        ),
    ),
    # blocks of 4 with halo 1 see 36 keys; tables of 2 x 6 - 1 rows
    "halo": (
        ({}, 384 + 2 * 11 * 8, 384 * 64 + 2 * 64 * 36 * (8 + 8 + 8)),
        ({"position": "absolute"}, 384 + (8 + 8) * 8, 384 * 64 + 2 * 64 * 36 * (8 + 8)),
        ({"position": "none"}, 384, 384 * 64 + 2 * 64 * 36 * (8 + 8)),
        ({"rqk": 0.5}, 256 + 2 * 11 * 4, 256 * 64 + 2 * 64 * 36 * (4 + 4 + 8)),
    ),
    # every pixel of 8 x 12 sees all of them; tables of 2 x 8 - 1 and 2 x 12 - 1 rows
    "global_attention": (
        ({}, 384 + 38 * 8, 384 * PIXELS + 2 * PIXELS**2 * (8 + 8 + 8)),
        ({"position": "free"}, 384 + PIXELS * 8, 384 * PIXELS + 2 * PIXELS**2 * (8 + 8)),
        ({"position": "none"}, 384, 384 * PIXELS + 2 * PIXELS**2 * (8 + 8)),
    ),
    "conv": (({"bias": True}, 9 * 128 + 16, 9 * 128 * 64),),
}

SIZES = {"self_attention": (5, 6), "augmented": (8, 12), "global_attention": (8, 12)}

CASES = [(name, *case) for name, cases in COSTS.items() for case in cases]


@pytest.mark.parametrize(("name", "changes", "params", "macs"), CASES)
def test_parameters_and_macs_by_hand(
    name: str, changes: dict[str, object], params: int, macs: int
) -> None:
    row = layers()[name]
    assert row.cost is not None
    options = row.small.model_copy(update=changes)
    cost = row.cost(options, 8, 16, SIZES.get(name, (8, 8)), 1)
    assert (cost.params, cost.macs) == (params, macs)


def test_patches_are_a_convolution_of_their_window_on_the_map_over_it() -> None:
    """The patch stem: 4 x 4 x 3 x 64 weights, each used once for each of 56 x 56 patches."""
    row = layers()["conv"]
    assert row.cost is not None
    options = row.options.model_validate({"window": 4})
    cost = row.cost(options, 3, 64, (224, 224), 4)
    assert (cost.params, cost.macs) == (3072, 3072 * 56 * 56)


def test_squeeze_excite_of_an_inner_width_of_its_own() -> None:
    row = layers()["squeeze_excite"]
    assert row.cost is not None
    cost = row.cost(row.options.model_validate({"inner": 5}), 16, 16, (8, 8), 1)
    assert (cost.params, cost.macs) == (2 * 16 * 5 + 5 + 16, 2 * 16 * 5)


def test_identity_costs_nothing() -> None:
    row = layers()["identity"]
    assert row.cost is not None
    cost = row.cost(row.small, 16, 16, (8, 8), 1)
    assert (cost.params, cost.macs, cost.bytes) == (0, 0, 0)


def test_a_map_at_the_bound_is_not_pooled_and_one_above_is_until_no_side_is() -> None:
    """AACN's 28 x 28 group at 14, a 56 map pooled twice, a long one until its longer side fits."""
    row = layers()["augmented"]
    assert row.attention is not None
    options = row.options.model_validate({"max_map": 14})
    sizes = {(14, 14): (14, 14), (28, 28): (14, 14), (56, 56): (14, 14), (15, 60): (2, 8)}
    for size, over in sizes.items():
        assert row.attention(options, 64, 64, size, 1).size == over
    assert row.attention(options, 64, 64, (56, 56), 2).size == (14, 14)
    both = row.options.model_validate({"max_map": 14, "downsample": True})
    assert row.attention(both, 64, 64, (28, 28), 2).size == (7, 7)


def test_the_least_widths_of_heads_are_for_keys_and_for_values() -> None:
    """AACN's MnasNets: a tenth and a twentieth of 24 channels in four heads, one each at least."""
    row = layers()["augmented"]
    assert row.attention is not None
    raw = {"kappa": 0.1, "upsilon": 0.05, "heads": 4, "min_head_keys": 1, "min_head_values": 1}
    call = row.attention(row.options.model_validate(raw), 16, 24, (28, 28), 1)
    assert (call.key_width, call.value_width) == (1, 1)
    call = row.attention(row.options.model_validate(raw), 80, 480, (28, 28), 1)
    assert (call.key_width, call.value_width) == (12, 6)
