"""Wide-ResNet-28-10 for images of 32 pixels (arXiv:1605.07146)."""

from functools import partial
from typing import Literal

from sabench.catalog.layers.augmented import AugmentedOptions
from sabench.catalog.layers.identity import IdentityOptions
from sabench.catalog.networks.augmenting import GOVERNED, AugmentingOptions, augmented_settings
from sabench.catalog.networks.options import Factor, ThreeMix, per_group
from sabench.catalog.networks.parts import (
    Overrides,
    Settings,
    conv_step,
    deepened,
    excited,
    scaled,
    slot_step,
)
from sabench.catalog.networks.plan import IMAGE_CHANNELS, Block, Classifier, Plan, Step
from sabench.catalog.networks.rows import SMALL, Network
from sabench.catalog.rows import Natural, Options, Positive

STEM_WIDTH = 16
BASE_WIDTHS = (160, 320, 640)
BLOCKS = 4


class WideResnetOptions(Options):
    """`mix`: the layer of groups 1-3 in order; `width`, `depth`, `se`: as in the other ResNets.

    `shortcut`: how a block's input gets the output's shape, averaged and filled up with zeros or
    by a 1x1 convolution.
    """

    mix: ThreeMix = "conv"
    width: Factor = 1
    depth: Factor = 1
    classes: Positive = 100
    se: Natural = 0
    activation: Literal["relu", "silu"] = "relu"
    shortcut: Literal["pool", "conv"] = "pool"


class AugmentedWideResnetOptions(AugmentingOptions, WideResnetOptions):
    """A Wide-ResNet's options, then those of augmented convolution."""

    mix: ThreeMix = "augmented"


def wide_resnet_plan(
    options: WideResnetOptions,
    overrides: Overrides,
    resolution: int,
    *,
    settings: Settings | None = None,
) -> Plan:
    """Three groups of pre-activation blocks; the slot is a block's first 3x3 convolution.

    Open in the paper: AACN's 36.3 M parameters need shortcuts without parameters; those of
    convolution, which here read the block's input as it came, give 36.5 M.
    """
    channels = scaled(STEM_WIDTH, options.width)
    stem = conv_step("conv", IMAGE_CHANNELS, channels, window=3, norm="none")
    groups: list[tuple[Block, ...]] = []
    for index, (layer, base) in enumerate(zip(per_group(options.mix, 3), BASE_WIDTHS, strict=True)):
        width = scaled(base, options.width)
        group = []
        for number in range(deepened(BLOCKS, options.depth)):
            slot = slot_step(
                layer,
                overrides,
                channels,
                width,
                stride=2 if index and not number else 1,
                activation=options.activation,
                options=settings(options, layer, index) if settings else None,
                norm="before",
            )
            group.append(_block(slot, options))
            channels = width
        groups.append(tuple(group))
    last = Step("norm", "identity", IdentityOptions(), channels, channels, 1, options.activation)
    head = Classifier(channels, options.classes, (last,))
    return Plan(resolution, (stem,), None, tuple(groups), head)


def _block(slot: Step, options: WideResnetOptions) -> Block:
    """Batch norm, activation, convolution, twice; nothing after the sum."""
    out, activation = slot.out_channels, slot.activation
    conv = conv_step("conv", out, out, window=3, activation=activation, norm="before")
    steps = (slot, conv, *excited(out, options.se))
    if slot.in_channels == out and slot.stride == 1:
        return Block(steps, "identity", "none")
    if options.shortcut == "pool":
        return Block(steps, "pool", "none")
    shortcut = conv_step("shortcut", slot.in_channels, out, stride=slot.stride, norm="none")
    return Block(steps, shortcut, "none")


WIDE_RESNETS = (
    Network(
        "wrn28_10",
        family="wide_resnet",
        title="Wide-ResNet-28-10",
        source="arXiv:1605.07146",
        year=2016,
        resolution=32,
        options=WideResnetOptions,
        defaults=WideResnetOptions(),
        plan=wide_resnet_plan,
        small=SMALL,
    ),
    Network(
        "se_wrn28_10",
        family="wide_resnet",
        title="SE-Wide-ResNet-28-10",
        source="arXiv:1904.09925",
        year=2019,
        resolution=32,
        options=WideResnetOptions,
        defaults=WideResnetOptions(se=16),
        plan=wide_resnet_plan,
        small=SMALL,
    ),
    Network(
        "aa_wrn28_10",
        family="wide_resnet",
        title="AA-Wide-ResNet-28-10",
        source="arXiv:1904.09925",
        year=2019,
        resolution=32,
        options=AugmentedWideResnetOptions,
        defaults=AugmentedWideResnetOptions(),
        plan=partial(
            wide_resnet_plan,
            settings=partial(augmented_settings, base=AugmentedOptions(min_head_keys=20)),
        ),
        governs=GOVERNED,
        small={**SMALL, "augmented.min_head_values": 1},
    ),
)
