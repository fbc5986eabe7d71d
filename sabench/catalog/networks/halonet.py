"""HaloNets (arXiv:2103.12731): bottlenecks around halo attention. H0-H7, HaloNet-50, H4 for 21k."""

from typing import Literal

from sabench.catalog.layers.halo import HaloOptions, Ratio
from sabench.catalog.networks.options import (
    Blocks,
    Mix,
    PerGroup,
    ResidualOptions,
    per_group,
    reduction_beside,
)
from sabench.catalog.networks.parts import (
    Overrides,
    bottleneck,
    conv_step,
    deepened,
    scaled,
    slot_step,
    stem_of,
)
from sabench.catalog.networks.plan import Classifier, Plan
from sabench.catalog.networks.rows import SMALL, Network
from sabench.catalog.rows import Natural, Positive, Switch

BASE_WIDTHS = (64, 128, 256, 512)


class HaloNetOptions(ResidualOptions):
    """The columns of the paper's table of H0-H7, and what its other tables change.

    `rv`, `rqk`: channels of values, and of queries and keys, over base width; `rb`: block output
    over base width; `l2`, `l3`: blocks of groups 2 and 3; `df`: channels of the last 1x1
    convolution, 0 for none. `rv` and `rqk` reach the slots that hold halo; any other layer keeps
    its own options and maps the base width to itself. `se` stands right after the slot.
    `conv12`: convolutions in groups 1 and 2, whatever `mix` says.
    """

    mix: Mix = "halo"
    activation: Literal["relu", "silu"] = "silu"
    block: Positive = 8
    halo: Natural = 3
    rv: Ratio = 1
    rb: Ratio = 4
    l3: Blocks = 6
    df: Natural = 0
    heads: PerGroup = "4,8,8,8"
    l2: Blocks = 3
    rqk: Ratio = 1
    conv12: Switch = False


def halonet_plan(options: HaloNetOptions, overrides: Overrides, resolution: int) -> Plan:
    """1x1 to the base width, attention to rv times it, 1x1 to rb times it; groups of 3, l2, l3, 3.

    Source: Vaswani et al. 2021 (arXiv:2103.12731), table of H0-H7. Its text says that the third
    stage has 3 blocks instead of 4; its table says the second, and so do the parameters.
    Open in the paper: where squeeze-and-excitation stands. The 67 M of H7 with convolutions in
    groups 1 and 2 have it after the 3x3 convolution; HaloNet-50 has it in the same place here.
    """
    activation = options.activation
    channels = scaled(BASE_WIDTHS[0], options.width)
    stem, pool = stem_of(options.stem, overrides, channels, activation)
    heads = [int(number) for number in per_group(options.heads)]
    mix = per_group(options.mix)
    groups = []
    for index, layer in enumerate(("conv", "conv", *mix[2:]) if options.conv12 else mix):
        width = scaled(BASE_WIDTHS[index], options.width)
        settings = HaloOptions(
            block=options.block,
            halo=options.halo,
            heads=heads[index],
            rv=options.rv,
            rqk=options.rqk,
        )
        is_halo = layer == "halo"
        group = []
        for number in range(deepened((3, options.l2, options.l3, 3)[index], options.depth)):
            slot = slot_step(
                layer,
                overrides,
                width,
                scaled(width, options.rv) if is_halo else width,
                stride=2 if index and not number else 1,
                activation=activation,
                options=settings if is_halo else None,
            )
            out = scaled(width, options.rb)
            reduction = reduction_beside(layer, options)
            group.append(bottleneck(channels, slot, out, se=reduction, se_after="slot"))
            channels = out
        groups.append(tuple(group))
    tail = (conv_step("conv", channels, options.df, activation=activation),) if options.df else ()
    head = Classifier(options.df or channels, options.classes, tail)
    return Plan(resolution, stem, pool, tuple(groups), head)


def _halonet(name: str, title: str, resolution: int, defaults: HaloNetOptions) -> Network:
    return Network(
        name,
        family="halonet",
        title=f"HaloNet {title}",
        source="arXiv:2103.12731",
        year=2021,
        resolution=resolution,
        options=HaloNetOptions,
        defaults=defaults,
        plan=halonet_plan,
        small=SMALL,
        governs={f"halo.{key}": key for key in ("block", "halo", "heads", "rv", "rqk")},
    )


def _of_table(number: int, resolution: int, defaults: HaloNetOptions) -> Network:
    return _halonet(f"halonet_h{number}", f"H{number}", resolution, defaults)


# H3's df is printed as 1024; its printed 12.3 M parameters need 1280.
HALONETS = (
    _of_table(0, 256, HaloNetOptions(block=8, halo=3, rb=0.5, l3=7)),
    _of_table(1, 256, HaloNetOptions(block=8, halo=3, rb=1, l3=10)),
    _of_table(2, 256, HaloNetOptions(block=8, halo=3, rb=1.25, l3=11)),
    _of_table(3, 320, HaloNetOptions(block=10, halo=3, rb=1.5, l3=12, df=1024)),
    _of_table(4, 384, HaloNetOptions(block=12, halo=2, rb=3, l3=12, df=1280)),
    _of_table(5, 448, HaloNetOptions(block=14, halo=2, rv=2.5, rb=2, l3=23, df=1536)),
    _of_table(6, 512, HaloNetOptions(block=8, halo=4, rv=3, rb=2.75, l3=24, df=1536)),
    _of_table(7, 600, HaloNetOptions(block=10, halo=3, rv=4, rb=3.5, l3=26, df=2048)),
    _halonet(
        "halonet50",
        "50, on ResNet-50's layout",
        256,
        HaloNetOptions(activation="relu", heads="4,8,16,32", l2=4),
    ),
    _halonet(
        "halonet_h4_21k",
        "H4 of base width 128, for ImageNet-21k",
        256,
        HaloNetOptions(width=2, block=8, halo=2, rb=4, l2=4, l3=12),
    ),
)
