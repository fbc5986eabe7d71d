"""Stand-alone self-attention (arXiv:1906.05909): the layer and the attention stem."""

from sabench.catalog.attention import AttentionCall, Geometry
from sabench.catalog.rows import Border, Cost, Layer, Options, Positive, Problem, Size, strided


class SelfAttentionOptions(Options):
    """Each position sees the window x window square centred on it."""

    window: Positive = 7
    heads: Positive = 8
    border: Border = "mask"


def self_attention_call(
    options: SelfAttentionOptions, in_channels: int, out_channels: int, size: Size, stride: int
) -> AttentionCall:
    """Attention at full resolution; a stride pools afterwards."""
    width = out_channels // options.heads
    geometry = Geometry(block=(1, 1), halo=options.window // 2, band=True, border=options.border)
    return AttentionCall(options.heads, width, width, size, geometry, "split")


def self_attention_cost(
    options: SelfAttentionOptions, in_channels: int, out_channels: int, size: Size, stride: int
) -> Cost:
    """Three dense projections, two tables of window x d/2 shared by the heads, the core."""
    call = self_attention_call(options, in_channels, out_channels, size, stride)
    projections = 3 * in_channels * out_channels
    params = projections + options.window * call.key_width
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
    if out_channels // options.heads % 2:
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
    """Attention inside each `block` x `block` square; values mix `mixtures` maps by position."""

    block: Positive = 4
    heads: Positive = 4
    mixtures: Positive = 8
    border: Border = "mask"


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
    """q, k, `mixtures` value maps and their position-dependent sum, then the core.

    The mixture weights depend on no pixel: their few products are not counted.
    """
    call = attention_stem_call(options, in_channels, out_channels, size, stride)
    projections = (2 + options.mixtures) * in_channels * out_channels
    positions = (2 * options.block + options.mixtures) * call.value_width
    params = projections + positions
    pixels = size[0] * size[1]
    mixing = options.mixtures * out_channels
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
