"""ResNets whose 3x3 convolution is a slot (arXiv:1512.03385; with attention arXiv:1906.05909)."""

from functools import partial

from sabench.catalog.networks.options import NetworkOptions, per_group
from sabench.catalog.networks.parts import (
    Overrides,
    bottleneck,
    conv_step,
    deepened,
    scaled,
    shortcut_of,
    slot_step,
    stem_of,
)
from sabench.catalog.networks.plan import Block, Plan, Step
from sabench.catalog.networks.rows import Network

BASE_WIDTHS = (64, 128, 256, 512)
EXPANSION = 4


def resnet_plan(
    options: NetworkOptions,
    overrides: Overrides,
    resolution: int,
    *,
    blocks: tuple[int, ...],
    basic: bool,
) -> Plan:
    """Four groups; the first block of groups 2-4 has stride 2, in the slot (v1.5)."""
    channels = scaled(BASE_WIDTHS[0], options.width)
    stem, pool = stem_of(options.stem, overrides, channels, "relu")
    groups = []
    for index, (layer, base) in enumerate(zip(per_group(options.mix), BASE_WIDTHS, strict=True)):
        width = scaled(base, options.width)
        group = []
        for number in range(deepened(blocks[index], options.depth)):
            stride = 2 if index and not number else 1
            slot = slot_step(
                layer,
                overrides,
                channels if basic else width,
                width,
                stride=stride,
                activation="relu",
            )
            out = width if basic else EXPANSION * width
            group.append(_basic_block(slot) if basic else bottleneck(channels, slot, out))
            channels = out
        groups.append(tuple(group))
    return Plan(resolution, stem, pool, tuple(groups), (), options.classes)


def _basic_block(slot: Step) -> Block:
    """The slot with the block's stride, then a 3x3 convolution."""
    out = slot.out_channels
    steps = (slot, conv_step("conv", out, out, window=3))
    return Block(steps, shortcut_of(slot.in_channels, out, slot.stride), slot.activation)


def _resnet(depth: int, blocks: tuple[int, ...], *, source: str, year: int) -> Network:
    basic = depth == 34
    return Network(
        f"resnet{depth}",
        family="resnet",
        title=f"ResNet-{depth}",
        source=source,
        year=year,
        resolution=224,
        options=NetworkOptions,
        defaults=NetworkOptions(),
        plan=partial(resnet_plan, blocks=blocks, basic=basic),
    )


RESNETS = (
    _resnet(26, (1, 2, 4, 1), source="arXiv:1906.05909", year=2019),
    _resnet(34, (3, 4, 6, 3), source="arXiv:1512.03385", year=2015),
    _resnet(38, (2, 3, 5, 2), source="arXiv:1906.05909", year=2019),
    _resnet(50, (3, 4, 6, 3), source="arXiv:1512.03385", year=2015),
    _resnet(101, (3, 4, 23, 3), source="arXiv:1512.03385", year=2015),
    _resnet(152, (3, 8, 36, 3), source="arXiv:1512.03385", year=2015),
)
