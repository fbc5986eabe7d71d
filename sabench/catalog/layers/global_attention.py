"""Global self-attention with 2-D relative positions, BoTNet's (arXiv:2101.11605)."""

from typing import Literal

from sabench.catalog.attention import AttentionCall, Geometry, Relative
from sabench.catalog.rows import Cost, Layer, Options, Positive, Problem, Size, strided


class GlobalAttentionOptions(Options):
    """Every position sees the whole map.

    `position`: logits of the displacement; an embedding of each position, which knows of no
    neighbours, added to the input; or none.
    """

    heads: Positive = 4
    position: Literal["relative", "free", "none"] = "relative"


def global_attention_call(
    options: GlobalAttentionOptions, in_channels: int, out_channels: int, size: Size, stride: int
) -> AttentionCall:
    """One block at full resolution; a stride pools afterwards."""
    width = out_channels // options.heads
    relative: Relative = "sum" if options.position == "relative" else "none"
    geometry = Geometry(block=size, halo=0)
    return AttentionCall(options.heads, width, width, size, geometry, relative)


def global_attention_cost(
    options: GlobalAttentionOptions, in_channels: int, out_channels: int, size: Size, stride: int
) -> Cost:
    """Three projections, the core, and for relative positions tables of 2H - 1 and 2W - 1 rows
    shared by the heads, for free ones a row of the input's channels at each position."""
    call = global_attention_call(options, in_channels, out_channels, size, stride)
    projections, pixels = 3 * in_channels * out_channels, size[0] * size[1]
    tables = {
        "relative": (2 * (size[0] + size[1]) - 2) * call.key_width,
        "free": pixels * in_channels,
        "none": 0,
    }
    params = projections + tables[options.position]
    height, width = strided(size, stride)
    traffic = in_channels * pixels + out_channels * height * width + params
    return Cost(params, projections * pixels + call.macs, 4 * traffic)


def global_attention_problems(
    options: GlobalAttentionOptions, in_channels: int, out_channels: int, size: Size, stride: int
) -> Problem | None:
    """Heads divide the channels."""
    if out_channels % options.heads:
        return Problem("heads", f"heads={options.heads} does not divide channels={out_channels}")
    return None


GLOBAL_ATTENTION = Layer(
    "global_attention",
    target="sabench.layers.global_attention:GlobalAttention2d",
    options=GlobalAttentionOptions,
    source="arXiv:2101.11605",
    year=2021,
    title="global attention (BoTNet)",
    small=GlobalAttentionOptions(heads=2),
    cost=global_attention_cost,
    problems=global_attention_problems,
    attention=global_attention_call,
    sees_all=True,
)
