"""`attend` by blocks: one copy of each block's keys, batched products, factorised positions."""

import torch
from torch import Tensor
from torch.nn import functional

from sabench.catalog.attention import Geometry, blocked_block
from sabench.layers.relative import Relative, displacements

Pair = tuple[int, int]


def attend(
    q: Tensor, k: Tensor | None, v: Tensor, relative: Relative | None, geometry: Geometry
) -> Tensor:
    """softmax(q.k + q.r) v; a block's keys are gathered once, whatever its queries see of them.

    A band is cut into blocks of this implementation's choice and masked. Border, band and position
    logits each factorise into rows and columns: one broadcast sum, which q.k is accumulated onto,
    if there are keys.
    Shapes: q (B, n, H', W', d), k (B, n, H, W, d), v (B, n, H, W, dv) -> (B, n, H', W', dv).
    """
    size, block, stride = (v.shape[2], v.shape[3]), blocked_block(geometry), geometry.query_stride
    blocks = (-(-size[0] // block[0]), -(-size[1] // block[1]))
    inner = (-(-block[0] // stride), -(-block[1] // stride))
    queries = _cut(q, blocks, inner)  # (B, n, X, Y, I, J, d)
    values = _windows(v, blocks, block, geometry.halo)  # (B n X Y, A B, dv)
    keys = None if k is None else _windows(k, blocks, block, geometry.halo)
    flat = queries.view(len(values), -1, q.shape[-1])  # (B n X Y, I J, d)
    bias = _bias(queries, relative, geometry, size, block)
    if bias is not None:
        bias = bias.view(*flat.shape[:2], -1)
    logits = _logits(flat, keys, bias, values.shape[1])
    del bias, keys
    out = torch.bmm(logits.softmax(-1).to(v.dtype), values)  # (B n X Y, I J, dv)
    out = out.view(*queries.shape[:-1], -1).permute(0, 1, 6, 2, 4, 3, 5)
    out = out.reshape(*q.shape[:2], v.shape[-1], blocks[0] * inner[0], blocks[1] * inner[1])
    return out[..., : q.shape[2], : q.shape[3]].permute(0, 1, 3, 4, 2)


def _logits(q: Tensor, keys: Tensor | None, bias: Tensor | None, length: int) -> Tensor:
    """q.k onto the bias, (B n X Y, I J, A B): either may be missing."""
    if keys is None:
        return q.new_zeros(*q.shape[:2], length) if bias is None else bias
    if bias is None:
        return torch.bmm(q, keys.mT)
    if torch.is_grad_enabled() or bias.dtype != q.dtype:
        return bias + torch.bmm(q, keys.mT)
    return bias.baddbmm_(q, keys.mT)


def _cut(q: Tensor, blocks: Pair, inner: Pair) -> Tensor:
    """(B, n, H', W', d) -> (B, n, X, Y, I, J, d), contiguous, filled up with zeros."""
    below, right = blocks[0] * inner[0] - q.shape[2], blocks[1] * inner[1] - q.shape[3]
    if below or right:
        q = functional.pad(q, (0, 0, 0, right, 0, below))
    q = q.reshape(*q.shape[:2], blocks[0], inner[0], blocks[1], inner[1], -1)
    return q.transpose(3, 4).contiguous()


def _windows(x: Tensor, blocks: Pair, block: Pair, halo: int) -> Tensor:
    """(B, n, H, W, d) -> (B n X Y, A B, d): each block with its halo."""
    below, right = (blocks[i] * block[i] - x.shape[2 + i] + halo for i in (0, 1))
    if halo or below or right:
        x = functional.pad(x, (0, 0, halo, right, halo, below))
    x = x.unfold(2, block[0] + 2 * halo, block[0]).unfold(3, block[1] + 2 * halo, block[1])
    x = x.movedim(4, -1)  # (B, n, X, Y, A, B, d), a view
    return x.reshape(x.shape[:4].numel(), -1, x.shape[-1])


def _bias(
    queries: Tensor, relative: Relative | None, geometry: Geometry, size: Pair, block: Pair
) -> Tensor | None:
    """Position logits and masks, (B, n, X, Y, I, J, A, B); None if there are neither."""
    steps = [
        displacements(queries.shape[4 + i], block[i] + 2 * geometry.halo, geometry, queries.device)
        for i in (0, 1)
    ]
    hidden = [_hidden(steps[i], queries.shape[2 + i], block[i], size[i], geometry) for i in (0, 1)]
    if relative is None:
        zeros = queries.new_zeros(())
        rows, columns = (zeros.expand(*queries.shape[:-1], step.shape[1]) for step in steps)
        if hidden[0] is None and hidden[1] is None:
            return None
    else:
        rows, columns = relative.logits(queries, steps[0], steps[1])
    far = torch.finfo(rows.dtype).min / 4  # finite: a filler query may see no key at all
    if hidden[0] is not None:
        rows = rows.masked_fill(hidden[0][:, None, :, None], far)
    if hidden[1] is not None:
        columns = columns.masked_fill(hidden[1][:, None], far)
    return rows.contiguous()[..., :, None] + columns.contiguous()[..., None, :]


def _hidden(step: Tensor, blocks: int, block: int, size: int, geometry: Geometry) -> Tensor | None:
    """Along one axis, the keys that a query does not see, (blocks, queries, keys); None if none."""
    hidden = None
    if geometry.border == "mask" and (geometry.halo or size % block):
        start = torch.arange(blocks, device=step.device)[:, None, None] * block
        place = start + torch.arange(step.shape[1], device=step.device) - geometry.halo
        hidden = (place < 0) | (place >= size)  # (blocks, 1, keys)
    if geometry.band:
        beyond = step.abs() > geometry.halo  # (queries, keys)
        hidden = beyond[None] if hidden is None else hidden | beyond
    return hidden
