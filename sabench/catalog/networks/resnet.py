"""ResNets whose 3x3 convolution is a slot (arXiv:1512.03385; with attention arXiv:1906.05909)."""

from functools import partial

from sabench.catalog.networks.options import ResidualOptions, per_group, reduction_beside
from sabench.catalog.networks.parts import (
    Overrides,
    Settings,
    basic_block,
    bottleneck,
    deepened,
    scaled,
    slot_step,
    stem_of,
)
from sabench.catalog.networks.plan import Block, Classifier, Plan
from sabench.catalog.networks.rows import SMALL, Network

BASE_WIDTHS = (64, 128, 256, 512)
EXPANSION = 4
DEPTHS = {
    26: (1, 2, 4, 1),
    34: (3, 4, 6, 3),
    38: (2, 3, 5, 2),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
"""Blocks of each group; 34 has basic blocks, the others bottlenecks."""


def resnet_plan(
    options: ResidualOptions,
    overrides: Overrides,
    resolution: int,
    *,
    depth: int,
    settings: Settings | None = None,
) -> Plan:
    """Four groups; the first block of groups 2-4 has stride 2, in the slot (v1.5)."""
    channels = scaled(BASE_WIDTHS[0], options.width)
    stem, pool = stem_of(options.stem, overrides, channels, options.activation)
    groups: list[tuple[Block, ...]] = []
    for index, (layer, base) in enumerate(zip(per_group(options.mix), BASE_WIDTHS, strict=True)):
        width, reduction = scaled(base, options.width), reduction_beside(layer, options)
        group = []
        for number in range(deepened(DEPTHS[depth][index], options.depth)):
            slot = slot_step(
                layer,
                overrides,
                channels if depth == 34 else width,
                width,
                stride=2 if index and not number else 1,
                activation=options.activation,
                options=settings(options, layer, index) if settings else None,
            )
            if depth == 34:
                channels = width
                group.append(basic_block(slot, se=reduction))
            else:
                group.append(bottleneck(channels, slot, EXPANSION * width, se=reduction))
                channels = EXPANSION * width
        groups.append(tuple(group))
    return Plan(resolution, stem, pool, tuple(groups), Classifier(channels, options.classes))


def _resnet(depth: int, *, source: str, year: int, se: int = 0) -> Network:
    return Network(
        f"{'se_' * bool(se)}resnet{depth}",
        family="resnet",
        title=f"{'SE-' * bool(se)}ResNet-{depth}",
        source=source,
        year=year,
        resolution=224,
        options=ResidualOptions,
        defaults=ResidualOptions(se=se),
        plan=partial(resnet_plan, depth=depth),
        small=SMALL,
    )


RESNETS = (
    _resnet(26, source="arXiv:1906.05909", year=2019),
    _resnet(34, source="arXiv:1512.03385", year=2015),
    _resnet(38, source="arXiv:1906.05909", year=2019),
    _resnet(50, source="arXiv:1512.03385", year=2015),
    _resnet(101, source="arXiv:1512.03385", year=2015),
    _resnet(152, source="arXiv:1512.03385", year=2015),
    _resnet(34, source="arXiv:1709.01507", year=2017, se=16),
    _resnet(50, source="arXiv:1709.01507", year=2017, se=16),
    _resnet(101, source="arXiv:1709.01507", year=2017, se=16),
    _resnet(152, source="arXiv:1709.01507", year=2017, se=16),
)
