"""Halo attention (arXiv:2103.12731)."""

from typing import Annotated, Literal

from pydantic import Field, StrictFloat, StrictInt

from sabench.catalog.attention import AttentionCall, Geometry, Relative
from sabench.catalog.rows import (
    Border,
    Cost,
    Layer,
    Natural,
    Options,
    Positive,
    Problem,
    Size,
    strided,
)

Ratio = Annotated[StrictFloat | StrictInt, Field(gt=0, le=64)]


class HaloOptions(Options):
    """Blocks of block x block queries share one neighbourhood of (block + 2 halo)^2 keys.

    `rv` and `rqk`: channels of values, and of queries and keys, over the base width; the layer's
    output has the value channels. `position`: logits of the displacement, learned embeddings of
    the map's rows and columns added to the input, or none.
    """

    block: Positive = 8
    halo: Natural = 3
    heads: Positive = 8
    border: Border = "mask"
    rv: Ratio = 1
    rqk: Ratio = 1
    position: Literal["relative", "absolute", "none"] = "relative"


def halo_key_channels(options: HaloOptions, out_channels: int) -> int:
    """Channels of q and k: the base width is the output's divided by rv."""
    return round(out_channels / options.rv * options.rqk)


def halo_call(
    options: HaloOptions, in_channels: int, out_channels: int, size: Size, stride: int
) -> AttentionCall:
    """A stride thins the queries and leaves the neighbourhoods."""
    geometry = Geometry(
        block=(options.block, options.block),
        halo=options.halo,
        border=options.border,
        query_stride=stride,
    )
    keys, heads = halo_key_channels(options, out_channels), options.heads
    relative: Relative = "sum" if options.position == "relative" else "none"
    return AttentionCall(heads, keys // heads, out_channels // heads, size, geometry, relative)


def halo_cost(
    options: HaloOptions, in_channels: int, out_channels: int, size: Size, stride: int
) -> Cost:
    """Projections (q only where a query is kept), the core, and two tables: of 2(b + 2h) - 1 rows
    of a head's key width for relative positions, of the map's sides for absolute ones."""
    call = halo_call(options, in_channels, out_channels, size, stride)
    keys = halo_key_channels(options, out_channels)
    reach = options.block + 2 * options.halo
    tables = {
        "relative": 2 * (2 * reach - 1) * call.key_width,
        "absolute": (size[0] + size[1]) * in_channels,
        "none": 0,
    }
    params = in_channels * (2 * keys + out_channels) + tables[options.position]
    pixels = size[0] * size[1]
    macs = in_channels * (keys * call.queries + (keys + out_channels) * pixels) + call.macs
    height, width = strided(size, stride)
    traffic = in_channels * pixels + out_channels * height * width + params
    return Cost(params, macs, 4 * traffic)


def halo_problems(
    options: HaloOptions, in_channels: int, out_channels: int, size: Size, stride: int
) -> Problem | None:
    """rv and heads divide the channels; a strided layer needs blocks that the stride divides."""
    keys, base = halo_key_channels(options, out_channels), round(out_channels / options.rv)
    if abs(base * options.rv - out_channels) > 1e-6:
        return Problem("rv", f"rv={options.rv} does not divide channels={out_channels}")
    if abs(base * options.rqk - keys) > 1e-6:
        return Problem("rqk", f"rqk={options.rqk} of base width {base} is no whole number")
    for channels in (keys, out_channels):
        if channels % options.heads:
            return Problem("heads", f"heads={options.heads} does not divide channels={channels}")
    if options.block % stride:
        return Problem("block", f"block={options.block} is not a multiple of stride={stride}")
    return None


def halo_at_window(options: HaloOptions, window: int) -> Options | Problem:
    """The block stays; the halo makes up the rest of the window."""
    halo, rest = divmod(window - options.block, 2)
    if halo < 0 or rest:
        return Problem("window", f"window={window} is not block={options.block} plus twice a halo")
    return options.model_copy(update={"halo": halo})


HALO = Layer(
    "halo",
    target="sabench.layers.halo:HaloAttention2d",
    options=HaloOptions,
    source="arXiv:2103.12731",
    year=2021,
    title="halo attention",
    small=HaloOptions(block=4, halo=1, heads=2),
    cost=halo_cost,
    problems=halo_problems,
    attention=halo_call,
    at_window=halo_at_window,
)
