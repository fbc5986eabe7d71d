"""The parts that families share: plain convolutions, slots, stems, blocks."""

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

from sabench.catalog.layers import layers
from sabench.catalog.layers.conv import ConvOptions
from sabench.catalog.layers.squeeze_excite import SqueezeExciteOptions
from sabench.catalog.networks.plan import (
    IMAGE_CHANNELS,
    Activation,
    Block,
    Link,
    MaxPool,
    Norm,
    Step,
)
from sabench.catalog.rows import Options

Scalar = bool | int | float | str
Overrides = Mapping[str, Mapping[str, Scalar]]
"""Layer -> option -> value, for every slot that holds the layer."""

Settings = Callable[[Any, str, int], Options | None]
"""(the network's options, layer, group from 0) -> the slot's options; None: the layer's own."""


def conv_step(
    name: str,
    in_channels: int,
    out_channels: int,
    *,
    window: int = 1,
    stride: int = 1,
    activation: Activation = "none",
    norm: Norm = "after",
    bias: bool = False,
    depthwise: bool = False,
) -> Step:
    """A plain convolution that no option replaces."""
    options = ConvOptions(window=window, bias=bias, depthwise=depthwise)
    return Step(name, "conv", options, in_channels, out_channels, stride, activation, norm=norm)


def excite_step(channels: int, *, reduction: int = 1, inner: int = 0) -> Step:
    """Squeeze-and-excitation: by a reduction of the channels, or with `inner` channels."""
    options = SqueezeExciteOptions(reduction=reduction, inner=inner)
    return Step("excite", "squeeze_excite", options, channels, channels, norm="none")


def slot_step(
    layer: str,
    overrides: Overrides,
    in_channels: int,
    out_channels: int,
    *,
    stride: int = 1,
    activation: Activation = "none",
    options: Options | None = None,
    norm: Norm = "after",
) -> Step:
    """The slot with a layer in it: its `options` (None: the row's defaults), then overrides."""
    chosen = layers()[layer].options() if options is None else options
    chosen = chosen.model_copy(update=dict(overrides.get(layer, {})))
    return Step(
        "slot", layer, chosen, in_channels, out_channels, stride, activation, slot=True, norm=norm
    )


def stem_of(
    kind: str, overrides: Overrides, channels: int, activation: Activation
) -> tuple[tuple[Step, ...], MaxPool | None]:
    """7x7 convolution and 3x3 pool, the attention stem and 4x4 pool, or patches: a quarter.

    Of small images nothing is left out: a 3x3 convolution, no pool.

    Source: Ramachandran et al. 2019 (arXiv:1906.05909), section 3.2; patches of 4x4 pixels:
    Vaswani et al. 2021 (arXiv:2103.12731), table 6; of small images: He et al. 2015
    (arXiv:1512.03385), section 4.2.
    Open in the papers: an activation after the attention stem, of which only the batch norm is
    named; batch norm and activation after the patches, which here are as after the convolution.
    """
    if kind == "self_attention":
        step = slot_step("attention_stem", overrides, IMAGE_CHANNELS, channels)
        return (step,), MaxPool(window=4, stride=4)
    if kind == "patch":
        patches = conv_step(
            "conv", IMAGE_CHANNELS, channels, window=4, stride=4, activation=activation
        )
        return (patches,), None
    if kind == "small":
        small = conv_step("conv", IMAGE_CHANNELS, channels, window=3, activation=activation)
        return (small,), None
    conv = conv_step("conv", IMAGE_CHANNELS, channels, window=7, stride=2, activation=activation)
    return (conv,), MaxPool(window=3, stride=2)


def bottleneck(
    in_channels: int,
    slot: Step,
    out_channels: int,
    *,
    se: int = 0,
    se_after: Literal["slot", "expand"] = "expand",
) -> Block:
    """1x1 down to the slot, the slot with the block's stride, 1x1 up (ResNet v1.5).

    `se`: squeeze-and-excitation by this reduction, at the end before the sum or after the slot.
    """
    activation = slot.activation
    steps = (
        conv_step("reduce", in_channels, slot.in_channels, activation=activation),
        slot,
        *(excited(slot.out_channels, se) if se_after == "slot" else ()),
        conv_step("expand", slot.out_channels, out_channels),
        *(excited(out_channels, se) if se_after == "expand" else ()),
    )
    return Block(steps, shortcut_of(in_channels, out_channels, slot.stride), activation)


def basic_block(slot: Step, *, se: int = 0) -> Block:
    """The slot with the block's stride, then a 3x3 convolution; `se` as in `bottleneck`."""
    out = slot.out_channels
    steps = (slot, conv_step("conv", out, out, window=3), *excited(out, se))
    return Block(steps, shortcut_of(slot.in_channels, out, slot.stride), slot.activation)


def excited(channels: int, reduction: int) -> tuple[Step, ...]:
    """Squeeze-and-excitation by a reduction; nothing for 0."""
    return (excite_step(channels, reduction=reduction),) if reduction else ()


def shortcut_of(in_channels: int, out_channels: int, stride: int) -> Step | Link:
    """The identity where shapes agree, else a strided 1x1 convolution."""
    if in_channels == out_channels and stride == 1:
        return "identity"
    return conv_step("shortcut", in_channels, out_channels, stride=stride)


def scaled(channels: int, factor: float) -> int:
    """A base width times a factor, whole and at least one."""
    return max(1, round(channels * factor))


def deepened(blocks: int, depth: float) -> int:
    """A group's number of blocks times a factor, rounded up; 1e-9 forgives 3 * (1 / 3)."""
    return max(1, math.ceil(blocks * depth - 1e-9))
