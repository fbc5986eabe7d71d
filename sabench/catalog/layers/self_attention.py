"""Stand-alone self-attention (arXiv:1906.05909): the layer and the attention stem."""

from typing import Literal

from sabench.catalog.attention import AttentionCall, Geometry, Relative
from sabench.catalog.rows import (
    Border,
    Cost,
    Layer,
    Options,
    Positive,
    Problem,
    Size,
    Switch,
    strided,
)


class SelfAttentionOptions(Options):
    """Each position sees the window x window square centred on it.

    `position`: logits of the displacement, sinusoids added to the input, or none.
    `content`: whether the logits have q.k; without it they are q.r alone, and no key is projected.
    """

    window: Positive = 7
    heads: Positive = 8
    border: Border = "mask"
    position: Literal["relative", "absolute", "none"] = "relative"
    content: Switch = True


def self_attention_call(
    options: SelfAttentionOptions, in_channels: int, out_channels: int, size: Size, stride: int
) -> AttentionCall:
    """Attention at full resolution; a stride pools afterwards."""
    width = out_channels // options.heads
    geometry = Geometry(block=(1, 1), halo=options.window // 2, band=True, border=options.border)
    relative: Relative = "split" if options.position == "relative" else "none"
    return AttentionCall(
        options.heads, width, width, size, geometry, relative, content=options.content
    )


def self_attention_cost(
    options: SelfAttentionOptions, in_channels: int, out_channels: int, size: Size, stride: int
) -> Cost:
    """Three dense projections (two without content), the core, and for relative positions two
    tables of window x d/2 shared by the heads."""
    call = self_attention_call(options, in_channels, out_channels, size, stride)
    projections = (3 if options.content else 2) * in_channels * out_channels
    tables = 0 if call.relative == "none" else options.window * call.key_width
    params = projections + tables
    pixels = size[0] * size[1]
    height, width = strided(size, stride)
    traffic = in_channels * pixels + out_channels * height * width + params
    return Cost(params, projections * pixels + call.macs, 4 * traffic)


def self_attention_problems(
    options: SelfAttentionOptions, in_channels: int, out_channels: int, size: Size, stride: int
) -> Problem | None:
    """Windows are centred; heads divide the channels into even widths (row and column halves)."""
    if options.window % 2 == 0:
        return Problem("window", f"window={options.window} is even: each query is the centre")
    if out_channels % options.heads:
        return Problem("heads", f"heads={options.heads} does not divide channels={out_channels}")
    if not options.content and options.position != "relative":
        return Problem(
            "content",
            f"content=false with position={options.position} leaves no logits: it needs "
            "position=relative",
        )
    if options.position == "relative" and out_channels // options.heads % 2:
        return Problem(
            "heads",
            f"heads={options.heads} leaves {out_channels // options.heads} channels a head: "
            "row and column embeddings need an even number",
        )
    return None


def self_attention_at_window(options: SelfAttentionOptions, window: int) -> Options | Problem:
    """The window is the window."""
    if window % 2 == 0:
        return Problem("window", f"window={window} is even: each query is the centre")
    return options.model_copy(update={"window": window})


class AttentionStemOptions(Options):
    """Attention inside each `block` x `block` square.

    `values`: a mixture of `mixtures` maps by the place in the block, or a convolution with the
    block as its window, which has no mixtures. One mixture is one map: it has no embeddings.
    """

    block: Positive = 4
    heads: Positive = 4
    mixtures: Positive = 8
    border: Border = "mask"
    values: Literal["mixture", "conv"] = "mixture"


def is_mixed(options: AttentionStemOptions) -> bool:
    """Whether there is a choice among maps, and embeddings to make it by."""
    return options.values == "mixture" and options.mixtures > 1


def attention_stem_call(
    options: AttentionStemOptions, in_channels: int, out_channels: int, size: Size, stride: int
) -> AttentionCall:
    """Blocks without a halo and without position logits."""
    width = out_channels // options.heads
    geometry = Geometry(block=(options.block, options.block), halo=0, border=options.border)
    return AttentionCall(options.heads, width, width, size, geometry, "none")


def attention_stem_cost(
    options: AttentionStemOptions, in_channels: int, out_channels: int, size: Size, stride: int
) -> Cost:
    """q, k, `mixtures` value maps and their position-dependent sum, then the core; or a
    convolution for the values.

    The mixture weights depend on no pixel: their few products are not counted.
    """
    call = attention_stem_call(options, in_channels, out_channels, size, stride)
    maps = options.block**2 if options.values == "conv" else options.mixtures
    projections = (2 + maps) * in_channels * out_channels
    mixtures = options.mixtures if is_mixed(options) else 0
    positions = (2 * options.block + mixtures) * call.value_width if mixtures else 0
    params = projections + positions
    pixels = size[0] * size[1]
    mixing = mixtures * out_channels
    height, width = strided(size, stride)
    traffic = in_channels * pixels + out_channels * height * width + params
    return Cost(params, (projections + mixing) * pixels + call.macs, 4 * traffic)


def attention_stem_problems(
    options: AttentionStemOptions, in_channels: int, out_channels: int, size: Size, stride: int
) -> Problem | None:
    """Heads divide the channels."""
    if out_channels % options.heads:
        return Problem("heads", f"heads={options.heads} does not divide channels={out_channels}")
    return None


SELF_ATTENTION = Layer(
    "self_attention",
    target="sabench.layers.self_attention:SelfAttention2d",
    options=SelfAttentionOptions,
    source="arXiv:1906.05909",
    year=2019,
    title="stand-alone self-attention",
    small=SelfAttentionOptions(window=3, heads=2),
    cost=self_attention_cost,
    problems=self_attention_problems,
    attention=self_attention_call,
    at_window=self_attention_at_window,
)

ATTENTION_STEM = Layer(
    "attention_stem",
    target="sabench.layers.attention_stem:AttentionStem2d",
    options=AttentionStemOptions,
    source="arXiv:1906.05909",
    year=2019,
    title="attention stem with spatially-aware values",
    small=AttentionStemOptions(heads=2, mixtures=2),
    cost=attention_stem_cost,
    problems=attention_stem_problems,
    attention=attention_stem_call,
)
