"""MnasNet-A1 (arXiv:1807.11626): inverted bottlenecks around depthwise convolutions."""

from functools import partial
from typing import NamedTuple

from sabench.catalog.layers.augmented import AugmentedOptions, Share
from sabench.catalog.layers.conv import ConvOptions
from sabench.catalog.networks.augmenting import GOVERNED, AugmentingOptions, augmented_settings
from sabench.catalog.networks.options import Factor, FiveMix, per_group
from sabench.catalog.networks.parts import (
    Overrides,
    Settings,
    conv_step,
    deepened,
    excite_step,
    slot_step,
)
from sabench.catalog.networks.plan import IMAGE_CHANNELS, Block, Classifier, Plan, Step
from sabench.catalog.networks.rows import SMALL, Network
from sabench.catalog.rows import Options, Positive

STEM_WIDTH = 32
HEAD_WIDTH = 1280


class Group(NamedTuple):
    """A stage of the paper's figure 7; its first block has the stride."""

    expansion: int
    window: int
    channels: int
    blocks: int
    stride: int
    excite: bool = False


GROUPS = (
    Group(1, 3, 16, 1, 1),
    Group(6, 3, 24, 2, 2),
    Group(3, 5, 40, 3, 2, excite=True),
    Group(6, 3, 80, 4, 2),
    Group(6, 3, 112, 2, 1, excite=True),
    Group(6, 5, 160, 3, 2, excite=True),
    Group(6, 3, 320, 1, 1),
)
WITH_SLOTS = GROUPS[2:]
"""Their 13 blocks leave maps of 28x28 or less: those are the ones that AACN augments."""

POINTWISE = ConvOptions(window=1)


class MnasnetOptions(Options):
    """`mix`: the layer that expands the channels in groups 3-7 in order, one name fills all.

    `width` times all channels but the head's 1280; `depth` times every group's number of blocks.
    """

    mix: FiveMix = "conv"
    width: Factor = 1
    depth: Factor = 1
    classes: Positive = 1000


class AugmentedMnasnetOptions(AugmentingOptions, MnasnetOptions):
    """A MnasNet's options, then those of augmented convolution."""

    mix: FiveMix = "augmented"
    kappa: Share = 0.1
    upsilon: Share = 0.05
    heads: Positive = 4


AUGMENTED_SLOT = AugmentedOptions(window=1, min_head_keys=1, min_head_values=1, max_map=14)
"""A 1x1 convolution with attention on 14x14 at most.

Open in the paper: its least of 20 dimensions a head for the keys, which its own parameters rule out
here; which maps are pooled for the attention, as in the AA-ResNets.
"""


def mnasnet_plan(
    options: MnasnetOptions,
    overrides: Overrides,
    resolution: int,
    *,
    settings: Settings | None = None,
) -> Plan:
    """A 3x3 convolution, seven groups, a 1x1 convolution; a slot is a block's first step."""
    channels = in_eights(STEM_WIDTH * options.width)
    stem = conv_step("conv", IMAGE_CHANNELS, channels, window=3, stride=2, activation="relu")
    plain = [""] * (len(GROUPS) - len(WITH_SLOTS))
    mix = (*plain, *per_group(options.mix, len(WITH_SLOTS)))
    groups: list[tuple[Block, ...]] = []
    for index, (row, layer) in enumerate(zip(GROUPS, mix, strict=True)):
        out = in_eights(row.channels * options.width)
        chosen = settings(options, layer, index) if settings else None
        group = []
        for number in range(deepened(row.blocks, options.depth)):
            wide = row.expansion * channels
            if layer:
                slot = slot_step(
                    layer,
                    overrides,
                    channels,
                    wide,
                    activation="relu",
                    options=POINTWISE if layer == "conv" else chosen,
                )
            else:
                slot = conv_step("expand", channels, wide, activation="relu")
            group.append(inverted_bottleneck(slot, row, out, stride=1 if number else row.stride))
            channels = out
        groups.append(tuple(group))
    tail = conv_step("conv", channels, HEAD_WIDTH, activation="relu")
    head = Classifier(HEAD_WIDTH, options.classes, (tail,))
    return Plan(resolution, (stem,), None, tuple(groups), head)


def inverted_bottleneck(expand: Step, row: Group, out_channels: int, *, stride: int) -> Block:
    """1x1 up (none for an expansion by one), depthwise with the stride, excitation, 1x1 down.

    Source: Tan et al. 2019 (arXiv:1807.11626), figure 7.
    Open in the paper: what squeeze-and-excitation's 0.25 is a quarter of. Here of the block's
    input, which gives the printed parameters.
    """
    channels, wide = expand.in_channels, expand.out_channels
    steps = [] if row.expansion == 1 else [expand]
    steps.append(
        conv_step(
            "depthwise",
            wide,
            wide,
            window=row.window,
            stride=stride,
            activation="relu",
            depthwise=True,
        )
    )
    if row.excite:
        steps.append(excite_step(wide, inner=channels // 4))
    steps.append(conv_step("project", wide, out_channels))
    kept = channels == out_channels and stride == 1
    return Block(tuple(steps), "identity" if kept else "none", "none")


def in_eights(channels: float) -> int:
    """The nearest multiple of eight, the next one where that takes more than a tenth away."""
    whole = max(8, int(channels + 4) // 8 * 8)
    return whole + 8 if whole < 0.9 * channels else whole


NARROW = {**SMALL, "width": 0.5}
"""A quarter leaves the excitation two channels, which a ReLU may both silence."""

MNASNETS = (
    Network(
        "mnasnet",
        family="mnasnet",
        title="MnasNet-A1",
        source="arXiv:1807.11626",
        year=2018,
        resolution=224,
        options=MnasnetOptions,
        defaults=MnasnetOptions(),
        plan=mnasnet_plan,
        small=NARROW,
    ),
    Network(
        "aa_mnasnet",
        family="mnasnet",
        title="AA-MnasNet-A1",
        source="arXiv:1904.09925",
        year=2019,
        resolution=224,
        options=AugmentedMnasnetOptions,
        defaults=AugmentedMnasnetOptions(),
        plan=partial(mnasnet_plan, settings=partial(augmented_settings, base=AUGMENTED_SLOT)),
        governs=GOVERNED,
        small=NARROW,
    ),
)
