"""Global self-attention with 2-D relative positions, BoTNet's (arXiv:2101.11605)."""

from sabench.catalog.attention import AttentionCall, Geometry
from sabench.catalog.rows import Cost, Layer, Options, Positive, Problem, Size, strided


class GlobalAttentionOptions(Options):
    """Every position sees the whole map."""

    heads: Positive = 4


def global_attention_call(
    options: GlobalAttentionOptions, in_channels: int, out_channels: int, size: Size, stride: int
) -> AttentionCall:
    """One block at full resolution; a stride pools afterwards."""
    width = out_channels // options.heads
    return AttentionCall(options.heads, width, width, size, Geometry(block=size, halo=0), "sum")


def global_attention_cost(
    options: GlobalAttentionOptions, in_channels: int, out_channels: int, size: Size, stride: int
) -> Cost:
    """Three projections, tables of 2H - 1 and 2W - 1 rows shared by the heads, the core."""
    call = global_attention_call(options, in_channels, out_channels, size, stride)
    projections = 3 * in_channels * out_channels
    params = projections + (2 * (size[0] + size[1]) - 2) * call.key_width
    pixels = size[0] * size[1]
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
