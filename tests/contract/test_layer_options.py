"""Every way in which options change a layer: shape, gradients, counts, compiler, other maps.

That each equals its oracle is in test_layers_oracle.py.
"""

import importlib
import warnings

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from layer_variants import CHANGES, ON_ANY_DEVICE, Variant, variants
from oracles.parts import interpolated
from sabench.catalog.implementations import executed_macs
from sabench.catalog.layers import layers
from sabench.layers.build import build_layer

VARIANTS = variants()
HOSTS = [
    (one, name)
    for one in VARIANTS
    for name in (ON_ANY_DEVICE if one.row.attention else ("reference",))
]
COMPILED = [
    (one, name)
    for one, name in HOSTS
    if (one.size == (7, 5) or one.row.square)
    and (name != "reference" or not one.row.attention or ("content", False) in one.changes)
]
"""The changes that reach `attend` with each implementation, the others with the fastest."""
FIRST = [
    next(host for host in COMPILED if host[0].row.name == name) for name in ("conv", "augmented")
]
"""Compiled with every commit, beside halo's reference in test_networks_compiled.py."""
each_variant = pytest.mark.parametrize("variant", VARIANTS, ids=str)
USUAL = ("reference", "blocked")
each_host = pytest.mark.parametrize(
    ("variant", "implementation"),
    [
        pytest.param(one, name, id=f"{one}-{name}", marks=() if name in USUAL else pytest.mark.slow)
        for one, name in HOSTS
    ],
)


def build(variant: Variant, implementation: str = "reference") -> nn.Module:
    torch.manual_seed(0)
    return build_layer(
        variant.row,
        variant.options,
        *variant.channels,
        stride=variant.stride,
        size=variant.size,
        implementation=implementation,
    )


def test_every_change_is_built_somewhere() -> None:
    wanted = {(name, tuple(one.items())) for name, each in CHANGES.items() for one in each}
    assert {(one.row.name, one.changes) for one in VARIANTS} == wanted


def test_every_value_of_every_choice_is_tried() -> None:
    """What a word or a switch may be is small, or a change of it."""
    for row in (layers()[name] for name in CHANGES):
        for key, schema in row.options.model_json_schema()["properties"].items():
            known = schema.get("enum", (False, True) if schema.get("type") == "boolean" else ())
            tried = {dict(one).get(key) for one in CHANGES[row.name]}
            tried.add(getattr(row.small, key))
            if key not in ("border", "depthwise"):  # test_layers.py and test_layers_oracle.py
                assert set(known) <= tried, f"{row.name}.{key}"


@each_host
def test_shape_and_gradients(variant: Variant, implementation: str) -> None:
    layer = build(variant, implementation)
    x = torch.randn(2, variant.channels[0], *variant.size, requires_grad=True)
    out = layer(x)
    out.square().sum().backward()
    height, width = (-(-side // variant.stride) for side in variant.size)
    assert out.shape == (2, variant.channels[1], height, width)
    for name, tensor in (("x", x), *layer.named_parameters()):
        assert tensor.grad is not None, name
        assert tensor.grad.isfinite().all(), name
        assert tensor.grad.any(), name


@each_host
def test_the_closed_form_knows_parameters_and_macs(variant: Variant, implementation: str) -> None:
    row, (channels, _) = variant.row, variant.channels
    assert row.cost is not None
    place = (*variant.channels, variant.size, variant.stride)
    cost, layer = row.cost(variant.options, *place), build(variant, implementation)
    assert cost.params == sum(parameter.numel() for parameter in layer.parameters())
    executed = executed_macs(row, variant.options, *place, implementation)
    with FlopCounterMode(display=False) as counter:
        layer.to("meta")(torch.empty(1, channels, *variant.size, device="meta"))
    assert counter.get_total_flops() == 2 * executed
    if implementation == "reference":
        assert executed == cost.macs


@pytest.mark.parametrize(
    ("variant", "implementation"),
    [
        pytest.param(one, name, marks=() if (one, name) in FIRST else pytest.mark.slow)
        for one, name in COMPILED
    ],
    ids=[f"{one}-{name}" for one, name in COMPILED],
)
def test_compiled_equals_eager(variant: Variant, implementation: str) -> None:
    layer = build(variant, implementation)
    x = torch.randn(1, variant.channels[0], *variant.size)
    torch._dynamo.reset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch's own, while it compiles
        found = torch.compile(layer, backend="aot_eager", fullgraph=True)(x)
    torch.testing.assert_close(found, layer(x))


@each_variant
def test_another_map_than_the_built_one_is_taken(variant: Variant) -> None:
    """Learned tables over a whole map are interpolated linearly; the rest is the map's own."""
    layer, size = build(variant), (8, 10)
    x = torch.randn(1, variant.channels[0], *size)
    state = {key: value.detach().double() for key, value in layer.state_dict().items()}
    own = build(variant._replace(size=size)).state_dict()
    for key, table in own.items():
        for axis in range(table.dim()):
            if table.shape[axis] != state[key].shape[axis]:
                along = interpolated(state[key].movedim(axis, 0), table.shape[axis])
                state[key] = along.movedim(0, axis)
    oracle = importlib.import_module(f"oracles.{variant.row.name}").oracle
    expected = oracle(state, x.double(), variant.options, variant.stride)
    torch.testing.assert_close(layer(x).double(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("layer", "changes", "words"),
    [
        ("self_attention", {"content": False, "position": "none"}, "position=relative"),
        ("self_attention", {"content": False, "position": "absolute"}, "position=relative"),
        ("augmented", {"min_head_values": 9}, "min_head_values=9 of heads=2 are more than"),
        ("halo", {"rqk": 0.3}, "rqk=0.3 of base width 16 is no whole number"),
        ("halo", {"rqk": 0.5, "heads": 16}, "heads=16 does not divide channels=8"),
        ("conv", {"window": 2}, "window=2 is even"),
    ],
)
def test_what_cannot_go_together_is_refused_with_the_option_named(layer, changes, words) -> None:
    row = layers()[layer]
    problem = row.problems(row.small.model_copy(update=changes), 8, 16, (8, 8), 1)
    assert problem is not None
    assert problem.key in changes
    assert words in problem.text


def test_odd_head_widths_are_refused_only_where_tables_halve_them() -> None:
    row = layers()["self_attention"]
    for position, is_offered in (("relative", False), ("absolute", True), ("none", True)):
        options = row.small.model_copy(update={"position": position, "heads": 16})
        assert (row.problems(options, 8, 16, (8, 8), 1) is None) == is_offered


def test_patches_that_do_not_tile_the_map_are_refused() -> None:
    row = layers()["conv"]
    options = row.small.model_copy(update={"window": 4})
    assert row.problems(options, 3, 16, (8, 8), 4) is None
    problem = row.problems(options, 3, 16, (8, 10), 4)
    assert problem is not None
    assert "window=4 do not tile 8x10" in problem.text
