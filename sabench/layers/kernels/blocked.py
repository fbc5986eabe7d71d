"""`attend` by blocks: one copy of each block's keys, batched products, factorised positions."""

import torch
from torch import Tensor

from sabench.catalog.attention import Geometry
from sabench.layers.kernels.blocks import Blocks, by_block, cut
from sabench.layers.relative import Relative


def attend(
    q: Tensor, k: Tensor | None, v: Tensor, relative: Relative | None, geometry: Geometry
) -> Tensor:
    """softmax(q.k + q.r) v; a block's keys are gathered once, whatever its queries see of them.

    A band is cut into blocks of this implementation's choice and masked. Border, band and position
    logits each factorise into rows and columns: one broadcast sum, which q.k is accumulated onto,
    if there are keys.
    Shapes: q (B, n, H', W', d), k (B, n, H, W, d), v (B, n, H, W, dv) -> (B, n, H', W', dv).
    """
    blocks = cut(q, k, v, geometry)
    return blocks.joined(attended(blocks, relative))


def attended(blocks: Blocks, relative: Relative | None) -> Tensor:
    """softmax(q.k + q.r) v of each block: (B n X Y, I J, dv)."""
    values, bias = by_block(blocks.values), blocks.bias(relative)
    keys = None if blocks.keys is None else by_block(blocks.keys)
    logits = _logits(by_block(blocks.queries), keys, bias, values.shape[1])
    del keys, bias
    return torch.bmm(logits.softmax(-1).to(values.dtype), values)


def _logits(q: Tensor, keys: Tensor | None, bias: Tensor | None, length: int) -> Tensor:
    """q.k onto the bias, (B n X Y, I J, A B): either may be missing."""
    if keys is None:
        return q.new_zeros(*q.shape[:2], length) if bias is None else bias
    if bias is None:
        return torch.bmm(q, keys.mT)
    if torch.is_grad_enabled() or bias.dtype != q.dtype:
        return bias + torch.bmm(q, keys.mT)
    return bias.baddbmm_(q, keys.mT)
