"""The parts that families share: plain convolutions, slots, stems, the bottleneck."""

import math
from collections.abc import Mapping

from sabench.catalog.layers import layers
from sabench.catalog.layers.conv import ConvOptions
from sabench.catalog.networks.plan import IMAGE_CHANNELS, Activation, Block, MaxPool, Step
from sabench.catalog.rows import Options

Scalar = bool | int | float | str
Overrides = Mapping[str, Mapping[str, Scalar]]
"""Layer -> option -> value, for every slot that holds the layer."""


def conv_step(
    name: str,
    in_channels: int,
    out_channels: int,
    *,
    window: int = 1,
    stride: int = 1,
    activation: Activation = "none",
) -> Step:
    """A plain convolution that no option replaces."""
    options = ConvOptions(window=window)
    return Step(name, "conv", options, in_channels, out_channels, stride, activation)


def slot_step(
    layer: str,
    overrides: Overrides,
    in_channels: int,
    out_channels: int,
    *,
    stride: int = 1,
    activation: Activation = "none",
    options: Options | None = None,
) -> Step:
    """The slot with a layer in it: its `options` (None: the row's defaults), then overrides."""
    chosen = layers()[layer].options() if options is None else options
    chosen = chosen.model_copy(update=dict(overrides.get(layer, {})))
    return Step("slot", layer, chosen, in_channels, out_channels, stride, activation, slot=True)


def stem_of(
    kind: str, overrides: Overrides, channels: int, activation: Activation
) -> tuple[tuple[Step, ...], MaxPool]:
    """7x7 convolution and 3x3 pool, or the attention stem and 4x4 pool: a quarter of the map.

    Source: Ramachandran et al. 2019 (arXiv:1906.05909), section 3.2.
    Open in the paper: an activation after the attention stem; it names only the batch norm.
    """
    if kind == "self_attention":
        step = slot_step("attention_stem", overrides, IMAGE_CHANNELS, channels)
        return (step,), MaxPool(window=4, stride=4)
    conv = conv_step("conv", IMAGE_CHANNELS, channels, window=7, stride=2, activation=activation)
    return (conv,), MaxPool(window=3, stride=2)


def bottleneck(in_channels: int, slot: Step, out_channels: int) -> Block:
    """1x1 down to the slot, the slot with the block's stride, 1x1 up (ResNet v1.5)."""
    activation = slot.activation
    steps = (
        conv_step("reduce", in_channels, slot.in_channels, activation=activation),
        slot,
        conv_step("expand", slot.out_channels, out_channels),
    )
    return Block(steps, shortcut_of(in_channels, out_channels, slot.stride), activation)


def shortcut_of(in_channels: int, out_channels: int, stride: int) -> Step | None:
    """The identity where shapes agree, else a strided 1x1 convolution."""
    if in_channels == out_channels and stride == 1:
        return None
    return conv_step("shortcut", in_channels, out_channels, stride=stride)


def scaled(channels: int, factor: float) -> int:
    """A base width times a factor, whole and at least one."""
    return max(1, round(channels * factor))


def deepened(blocks: int, depth: float) -> int:
    """A group's number of blocks times a factor, rounded up; 1e-9 forgives 3 * (1 / 3)."""
    return max(1, math.ceil(blocks * depth - 1e-9))
