"""HaloNet H0-H7 (arXiv:2103.12731): bottlenecks around halo attention, with SiLU."""

from typing import Annotated

from pydantic import Field, StrictFloat, StrictInt

from sabench.catalog.layers.halo import HaloOptions
from sabench.catalog.networks.options import Mix, NetworkOptions, PerGroup, per_group
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
from sabench.catalog.networks.rows import Network
from sabench.catalog.rows import Natural, Positive

BASE_WIDTHS = (64, 128, 256, 512)

Ratio = Annotated[StrictFloat | StrictInt, Field(gt=0, le=64)]


class HaloNetOptions(NetworkOptions):
    """The columns of the paper's table of H0-H7.

    `rv`: value channels over base width; `rb`: block output over base width; `l3`: blocks of group
    3; `df`: channels of the last 1x1 convolution, 0 for none. They reach the slots that hold halo;
    any other layer keeps its own options and maps the base width to itself.
    """

    mix: Mix = "halo"
    block: Positive = 8
    halo: Natural = 3
    rv: Ratio = 1
    rb: Ratio = 4
    l3: Positive = 6
    df: Natural = 0
    heads: PerGroup = "4,8,8,8"


def halonet_plan(options: HaloNetOptions, overrides: Overrides, resolution: int) -> Plan:
    """1x1 to the base width, attention to rv times it, 1x1 to rb times it; groups of 3, 3, l3, 3.

    Source: Vaswani et al. 2021 (arXiv:2103.12731), table of H0-H7. Its text says that the third
    stage has 3 blocks instead of 4; its table says the second, and so do the parameters.
    """
    channels = scaled(BASE_WIDTHS[0], options.width)
    stem, pool = stem_of(options.stem, overrides, channels, "silu")
    heads = [int(number) for number in per_group(options.heads)]
    groups = []
    for index, layer in enumerate(per_group(options.mix)):
        width = scaled(BASE_WIDTHS[index], options.width)
        settings = HaloOptions(
            block=options.block, halo=options.halo, heads=heads[index], rv=options.rv
        )
        is_halo = layer == "halo"
        group = []
        for number in range(deepened((3, 3, options.l3, 3)[index], options.depth)):
            slot = slot_step(
                layer,
                overrides,
                width,
                scaled(width, options.rv) if is_halo else width,
                stride=2 if index and not number else 1,
                activation="silu",
                options=settings if is_halo else None,
            )
            out = scaled(width, options.rb)
            group.append(bottleneck(channels, slot, out))
            channels = out
        groups.append(tuple(group))
    tail = (conv_step("conv", channels, options.df, activation="silu"),) if options.df else ()
    head = Classifier(options.df or channels, options.classes, tail)
    return Plan(resolution, stem, pool, tuple(groups), head)


def _halonet(number: int, resolution: int, defaults: HaloNetOptions) -> Network:
    return Network(
        f"halonet_h{number}",
        family="halonet",
        title=f"HaloNet H{number}",
        source="arXiv:2103.12731",
        year=2021,
        resolution=resolution,
        options=HaloNetOptions,
        defaults=defaults,
        plan=halonet_plan,
        governs={f"halo.{key}": key for key in ("block", "halo", "heads", "rv")},
    )


# H3's df is printed as 1024; its printed 12.3 M parameters need 1280.
HALONETS = (
    _halonet(0, 256, HaloNetOptions(block=8, halo=3, rb=0.5, l3=7)),
    _halonet(1, 256, HaloNetOptions(block=8, halo=3, rb=1, l3=10)),
    _halonet(2, 256, HaloNetOptions(block=8, halo=3, rb=1.25, l3=11)),
    _halonet(3, 320, HaloNetOptions(block=10, halo=3, rb=1.5, l3=12, df=1024)),
    _halonet(4, 384, HaloNetOptions(block=12, halo=2, rb=3, l3=12, df=1280)),
    _halonet(5, 448, HaloNetOptions(block=14, halo=2, rv=2.5, rb=2, l3=23, df=1536)),
    _halonet(6, 512, HaloNetOptions(block=8, halo=4, rv=3, rb=2.75, l3=24, df=1536)),
    _halonet(7, 600, HaloNetOptions(block=10, halo=3, rv=4, rb=3.5, l3=26, df=2048)),
)
