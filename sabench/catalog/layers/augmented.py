"""Attention-augmented convolution (arXiv:1904.09925)."""

from typing import Annotated, Literal

from pydantic import Field, StrictFloat, StrictInt

from sabench.catalog.attention import AttentionCall, Geometry, Relative
from sabench.catalog.rows import (
    Cost,
    Layer,
    Natural,
    Options,
    Positive,
    Problem,
    Size,
    Switch,
    strided,
)

Share = Annotated[StrictFloat | StrictInt, Field(gt=0, le=1)]


class AugmentedOptions(Options):
    """`kappa` and `upsilon`: shares of the output channels for keys and values (AA-ResNet-34's).

    `min_head_keys`: the paper's least key width a head, 20. `downsample`: attention on the map
    pooled by two, for large maps. `window`: the convolution's kernel. `position`: logits of the
    displacement; of the attention's map, sinusoids added to it or three channels of coordinates
    beside it; or none. `max_map`: after stride and `downsample` the attention's map is pooled by
    two until no side is above it, 0 for never. `min_head_values`: least value width a head.
    """

    kappa: Share = 0.25
    upsilon: Share = 0.25
    heads: Positive = 8
    window: Positive = 3
    min_head_keys: Natural = 20
    downsample: Switch = False
    position: Literal["relative", "sine", "coordconv", "none"] = "relative"
    max_map: Natural = 0
    min_head_values: Natural = 0


COORDINATES = 3
"""Channels of position=coordconv: across, down, and the distance from the centre."""


def augmented_widths(options: AugmentedOptions, out_channels: int) -> tuple[int, int]:
    """Key and value channels, multiples of the heads."""
    heads = options.heads
    keys = max(options.min_head_keys, _share(options.kappa * out_channels, heads))
    values = max(options.min_head_values, _share(options.upsilon * out_channels, heads))
    return keys * heads, values * heads


def augmented_inputs(options: AugmentedOptions, in_channels: int) -> int:
    """Channels that the attention's projections read."""
    return in_channels + (COORDINATES if options.position == "coordconv" else 0)


def augmented_call(
    options: AugmentedOptions, in_channels: int, out_channels: int, size: Size, stride: int
) -> AttentionCall:
    """Global attention over the strided map, pooled by two with `downsample` and to `max_map`."""
    keys, values = augmented_widths(options, out_channels)
    over = strided(strided(size, stride), 2 if options.downsample else 1)
    while 0 < options.max_map < max(over):
        over = strided(over, 2)
    heads, geometry = options.heads, Geometry(block=over, halo=0)
    relative: Relative = "sum" if options.position == "relative" else "none"
    return AttentionCall(heads, keys // heads, values // heads, over, geometry, relative)


def augmented_cost(
    options: AugmentedOptions, in_channels: int, out_channels: int, size: Size, stride: int
) -> Cost:
    """Convolution branch, qkv projection, (2(H + W) - 2) d_k position rows, core, dv x dv map."""
    keys, values = augmented_widths(options, out_channels)
    call = augmented_call(options, in_channels, out_channels, size, stride)
    conv = options.window**2 * in_channels * (out_channels - values)
    qkv = augmented_inputs(options, in_channels) * (2 * keys + values)
    table_rows = 0 if call.relative == "none" else 2 * (call.size[0] + call.size[1]) - 2
    tables = table_rows * call.key_width
    params = conv + qkv + values**2 + tables
    height, width = strided(size, stride)
    macs = conv * height * width + (qkv + values**2) * call.queries + call.macs
    traffic = in_channels * size[0] * size[1] + out_channels * height * width + params
    return Cost(params, macs, 4 * traffic)


def augmented_problems(
    options: AugmentedOptions, in_channels: int, out_channels: int, size: Size, stride: int
) -> Problem | None:
    """Every head needs a key and a value channel; values are output channels."""
    if options.window % 2 == 0:
        return Problem("window", f"window={options.window} is even: a convolution needs a centre")
    keys, values = augmented_widths(options, out_channels)
    if values == 0:
        return Problem(
            "upsilon",
            f"upsilon={options.upsilon} of channels={out_channels} leaves less than one value "
            f"channel for each of heads={options.heads}",
        )
    if keys == 0:
        return Problem(
            "kappa",
            f"kappa={options.kappa} of channels={out_channels} leaves less than one key channel "
            f"for each of heads={options.heads}",
        )
    if values > out_channels:
        return Problem(
            "min_head_values",
            f"min_head_values={options.min_head_values} of heads={options.heads} are more than "
            f"channels={out_channels}",
        )
    return None


def _share(channels: float, heads: int) -> int:
    """Whole channels a head; the small term forgives 0.1 * 10 = 0.99999."""
    return int(channels / heads + 1e-9)


AUGMENTED = Layer(
    "augmented",
    target="sabench.layers.augmented:AugmentedConv2d",
    options=AugmentedOptions,
    source="arXiv:1904.09925",
    year=2019,
    title="attention-augmented convolution",
    small=AugmentedOptions(kappa=0.5, upsilon=0.5, heads=2, min_head_keys=2),
    cost=augmented_cost,
    problems=augmented_problems,
    attention=augmented_call,
    sees_all=True,
)
