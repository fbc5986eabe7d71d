"""Every row of the layer table builds, counts, keeps its state and compiles."""

import importlib
import json
import subprocess
import sys
import warnings

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from layer_variants import ON_ANY_DEVICE
from oracles.parts import interpolated
from sabench.catalog.implementations import executed_macs
from sabench.catalog.layers import BUILT_IN
from sabench.catalog.rows import Layer, Options
from sabench.errors import ConfigError
from sabench.layers.build import build_layer
from slowness import mostly_slow

MAPS = ((8, 8), (7, 7), (13, 9), (30, 30))
USUAL_MAPS = ((8, 8), (13, 9)).__contains__
NARROW_MAPS = ((1, 7), (6, 1)).__contains__
STRIDES = (1, 2)
HOSTS = [(row, name) for row in BUILT_IN for name in ON_ANY_DEVICE if row.attention] + [
    (row, "reference") for row in BUILT_IN if not row.attention
]

each_row = pytest.mark.parametrize("row", BUILT_IN, ids=lambda row: row.name)
each_host = pytest.mark.parametrize(
    ("row", "implementation"), HOSTS, ids=[f"{row.name}-{name}" for row, name in HOSTS]
)


def channels(row: Layer) -> tuple[int, int]:
    return (16, 16) if row.square else (8, 16)


def build(
    row: Layer,
    *,
    size: tuple[int, int],
    stride: int = 1,
    implementation: str = "reference",
    options: Options | None = None,
) -> nn.Module:
    """The row's small layer with a fixed initialisation; skips what the row does not offer."""
    options = options or row.small
    if row.problems(options, *channels(row), size, stride) is not None:
        pytest.skip("the row does not offer this")
    torch.manual_seed(0)
    return build_layer(
        row, options, *channels(row), stride=stride, size=size, implementation=implementation
    )


@pytest.mark.parametrize("size", MAPS)
@pytest.mark.parametrize("stride", STRIDES)
@each_host
def test_the_output_map_is_the_input_over_the_stride_rounded_up(
    row: Layer, implementation: str, stride: int, size: tuple[int, int]
) -> None:
    layer = build(row, size=size, stride=stride, implementation=implementation)
    out = layer(torch.randn(2, channels(row)[0], *size))
    assert out.shape == (2, channels(row)[1], -(-size[0] // stride), -(-size[1] // stride))


@pytest.mark.parametrize("size", MAPS)
@each_host
def test_gradients_are_finite_on_every_parameter(
    row: Layer, implementation: str, size: tuple[int, int]
) -> None:
    layer = build(row, size=size, implementation=implementation)
    x = torch.randn(2, channels(row)[0], *size, requires_grad=True)
    layer(x).square().sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


@pytest.mark.parametrize("size", MAPS)
@pytest.mark.parametrize("stride", STRIDES)
@each_row
def test_the_closed_form_knows_the_parameters(
    row: Layer, stride: int, size: tuple[int, int]
) -> None:
    layer = build(row, size=size, stride=stride)
    assert row.cost is not None
    cost = row.cost(row.small, *channels(row), size, stride)
    assert cost.params == sum(parameter.numel() for parameter in layer.parameters())


def counted_macs(layer: nn.Module, in_channels: int, size: tuple[int, int]) -> float:
    """Half of what torch's counter says about one image, on meta tensors."""
    with FlopCounterMode(display=False) as counter:
        layer.to("meta")(torch.empty(1, in_channels, *size, device="meta"))
    return counter.get_total_flops() / 2


OTHER_OPTIONS: dict[str, dict[str, object]] = {
    "conv": {"depthwise": True, "window": 5},
    "squeeze_excite": {"reduction": 3},
    "self_attention": {"window": 9, "border": "zeros"},
    "attention_stem": {"block": 3, "mixtures": 3},
    "augmented": {"downsample": True, "upsilon": 1},
    "halo": {"block": 6, "halo": 2, "rv": 2},
}


@pytest.mark.parametrize("changed", [False, True], ids=["small", "other"])
@pytest.mark.parametrize("size", mostly_slow(MAPS, USUAL_MAPS))
@pytest.mark.parametrize("stride", STRIDES)
@each_host
def test_the_closed_form_knows_what_the_implementation_multiplies(
    row: Layer, implementation: str, stride: int, size: tuple[int, int], changed: bool
) -> None:
    options = row.small.model_copy(update=OTHER_OPTIONS.get(row.name, {}) if changed else {})
    layer = build(row, size=size, stride=stride, implementation=implementation, options=options)
    assert row.cost is not None
    expected = executed_macs(row, options, *channels(row), size, stride, implementation)
    if implementation == "reference":
        assert expected == row.cost(options, *channels(row), size, stride).macs
    assert counted_macs(layer, channels(row)[0], size) == expected


NARROW: dict[str, tuple[dict[str, object], ...]] = {
    "self_attention": ({"window": 1}, {"heads": 8}),
    "attention_stem": ({"block": 1}, {"mixtures": 1}, {"heads": 16}),
    "augmented": ({"kappa": 0.25, "heads": 4, "min_head_keys": 1}, {"upsilon": 1}),
    "halo": ({"heads": 16}, {"block": 1, "halo": 0}, {"block": 1, "halo": 1}),
    "global_attention": ({"heads": 16},),
}
"""Options that leave one key, one query, one mixture or a head one channel wide (of 16)."""


@pytest.mark.parametrize("size", mostly_slow([(1, 1), (1, 7), (6, 1), (7, 7)], NARROW_MAPS))
@each_host
def test_products_of_length_one_are_counted_too(
    row: Layer, implementation: str, size: tuple[int, int]
) -> None:
    assert row.cost is not None
    for changes in ({}, *NARROW.get(row.name, ())):
        options = row.small.model_copy(update=changes)
        assert row.problems(options, 16, 16, size, 1) is None, changes
        layer = build_layer(row, options, 16, 16, size=size, implementation=implementation)
        expected = executed_macs(row, options, 16, 16, size, 1, implementation)
        if implementation == "reference":
            assert expected == row.cost(options, 16, 16, size, 1).macs
        assert counted_macs(layer, 16, size) == expected, changes


@each_host
def test_the_state_goes_round(row: Layer, implementation: str) -> None:
    layer = build(row, size=(7, 7), implementation=implementation)
    torch.manual_seed(1)
    other = build_layer(row, row.small, *channels(row), size=(7, 7), implementation=implementation)
    x = torch.randn(1, channels(row)[0], 7, 7)
    if layer.state_dict():
        assert not torch.equal(layer(x), other(x))
    other.load_state_dict(layer.state_dict())
    assert torch.equal(layer(x), other(x))


@pytest.mark.slow  # with every commit: conv and augmented, in test_layer_options.py
@each_host
def test_compiled_equals_eager(row: Layer, implementation: str) -> None:
    layer = build(row, size=(7, 5), implementation=implementation)
    x = torch.randn(1, channels(row)[0], 7, 5)
    torch._dynamo.reset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch's own, while it compiles
        compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
        found = compiled(x)
    torch.testing.assert_close(found, layer(x))


@each_host
def test_another_map_than_the_built_one_is_taken(row: Layer, implementation: str) -> None:
    """Tables over a whole map are interpolated linearly; every other layer works as it is."""
    layer = build(row, size=(8, 8), implementation=implementation)
    x = torch.randn(1, channels(row)[0], 5, 11)
    state = {key: value.detach().double() for key, value in layer.state_dict().items()}
    if row.name in ("augmented", "global_attention"):
        state["rows"] = interpolated(state["rows"], 2 * 5 - 1)
        state["columns"] = interpolated(state["columns"], 2 * 11 - 1)
    oracle = importlib.import_module(f"oracles.{row.name}").oracle
    expected = oracle(state, x.double(), row.small, 1)
    torch.testing.assert_close(layer(x).double(), expected, rtol=1e-4, atol=1e-5)


@each_host
def test_autocast_gives_the_same_within_its_precision(row: Layer, implementation: str) -> None:
    layer = build(row, size=(7, 7), implementation=implementation)
    x = torch.randn(1, channels(row)[0], 7, 7)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        found = layer(x)
    expected = layer(x)
    assert (found.float() - expected).norm() <= 2e-2 * expected.norm()


@pytest.mark.parametrize("row", [row for row in BUILT_IN if row.attention], ids=lambda r: r.name)
def test_every_implementation_keeps_the_same_state(row: Layer) -> None:
    states = [
        {
            key: value.shape
            for key, value in build(row, size=(7, 7), implementation=name).state_dict().items()
        }
        for name in ON_ANY_DEVICE
    ]
    assert all(state == states[0] for state in states)


@each_row
def test_values_that_cannot_go_together_are_refused(row: Layer) -> None:
    wrong: dict[str, tuple[dict[str, object], int]] = {
        "identity": ({}, 2),
        "conv": ({"window": 2}, 1),
        "squeeze_excite": ({}, 2),
        "self_attention": ({"heads": 5}, 1),
        "attention_stem": ({"heads": 5}, 1),
        "augmented": ({"window": 2}, 1),
        "halo": ({"block": 5}, 2),
        "global_attention": ({"heads": 5}, 1),
    }
    changes, stride = wrong[row.name]
    options = row.small.model_copy(update=changes)
    with pytest.raises(ConfigError, match=row.name):
        build_layer(row, options, *channels(row), stride=stride, size=(8, 8))


def test_an_unknown_implementation_is_refused() -> None:
    row = BUILT_IN[-1]
    with pytest.raises(ConfigError, match="reference"):
        build_layer(row, row.small, 8, 8, size=(8, 8), implementation="nonesuch")


def test_closed_forms_are_computed_without_torch() -> None:
    source = (
        "import json, sys\n"
        "from sabench.catalog.layers import BUILT_IN\n"
        "from sabench.catalog.implementations import executed_macs, resolve\n"
        "rows = [(row, row.small, 16, 16, (13, 9), 1) for row in BUILT_IN]\n"
        "macs = {row.name: row.cost(*rest).macs for row, *rest in rows}\n"
        "done = [executed_macs(*case, resolve(case[0], 'blocked')) for case in rows]\n"
        "assert 'torch' not in sys.modules\n"
        "print(json.dumps(macs))\n"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["conv"] == 9 * 16 * 16 * 13 * 9
