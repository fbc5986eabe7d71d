"""`attend` by blocks through torch's scaled_dot_product_attention, positions as its bias."""

import torch
from torch import Tensor
from torch.nn import functional

from sabench.catalog.attention import Geometry
from sabench.layers.kernels import blocked
from sabench.layers.kernels.blocks import by_block, by_head, cut
from sabench.layers.relative import Relative


def attend(
    q: Tensor, k: Tensor | None, v: Tensor, relative: Relative | None, geometry: Geometry
) -> Tensor:
    """softmax(q.k + bias) v: where torch has a fused kernel for it, no logits are kept.

    Its CPU kernel takes neither a bias that needs a gradient nor values of another width than the
    keys: torch then multiplies, adds and takes the softmax one after another. Without keys it is
    `blocked`.
    Shapes: q (B, n, H', W', d), k (B, n, H, W, d), v (B, n, H, W, dv) -> (B, n, H', W', dv).
    """
    blocks = cut(q, k, v, geometry)
    if blocks.keys is None:
        return blocks.joined(blocked.attended(blocks, relative))
    bias = blocks.bias(relative)
    if bias is not None and bias.dtype != q.dtype:
        bias = bias.clamp_min(torch.finfo(q.dtype).min / 2).to(q.dtype)
    heads = q.shape[:2].numel()
    queries, keys, values = (
        by_head(by_block(x), heads) for x in (blocks.queries, blocks.keys, blocks.values)
    )
    bias = None if bias is None else by_head(bias, heads)
    out = functional.scaled_dot_product_attention(queries, keys, values, bias, scale=1.0)
    return blocks.joined(out.flatten(0, 1))
