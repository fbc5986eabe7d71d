"""`attend` as the definition reads: gathered windows, one position vector per (query, key) pair."""

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from sabench.catalog.attention import Geometry
from sabench.layers.relative import Relative, displacements, widened


def attend(
    q: Tensor, k: Tensor | None, v: Tensor, relative: Relative | None, geometry: Geometry
) -> Tensor:
    """softmax(q.k + q.r) v over each query's window; its multiplications are `AttentionCall.macs`.

    A band is blocks of one query. Blocks at the bottom and right edge that the map does not fill
    keep their real queries only, and their whole window. Without keys the logits are q.r alone.
    Shapes: q (B, n, H', W', d), k (B, n, H, W, d), v (B, n, H, W, dv) -> (B, n, H', W', dv).
    """
    block = (1, 1) if geometry.band else geometry.block
    (height, width), halo = v.shape[2:4], geometry.halo
    outside = torch.ones(1, 1, height, width, 1, dtype=torch.bool, device=v.device)
    fill = (0, 0, halo, -width % block[1] + halo, halo, -height % block[0] + halo)
    v, outside = functional.pad(v, fill), ~functional.pad(outside, fill)
    k = None if k is None else functional.pad(k, fill)
    bands = []
    for top, rows in _regions(height, block[0], geometry.query_stride):
        band = []
        for left, columns in _regions(width, block[1], geometry.query_stride):
            queries = q[:, :, top : top + rows[0] * rows[1], left : left + columns[0] * columns[1]]
            start = (top * geometry.query_stride, left * geometry.query_stride)
            cut = partial(
                _windows, start=start, blocks=(rows[0], columns[0]), block=block, halo=halo
            )
            keys = None if k is None else cut(k)
            queries = queries.reshape(*q.shape[:2], *rows, *columns, -1).transpose(3, 4)
            hidden = cut(outside)[..., 0]
            band.append(_blocks(queries, keys, cut(v), hidden, relative, geometry))
        bands.append(torch.cat(band, dim=3))
    return torch.cat(bands, dim=2)


def _blocks(
    q: Tensor,
    k: Tensor | None,
    v: Tensor,
    hidden: Tensor,
    relative: Relative | None,
    geometry: Geometry,
) -> Tensor:
    """Equal blocks: q (B, n, X, Y, I, J, d), k (B, n, X, Y, A, B, d) -> (B, n, X I, Y J, dv)."""
    queries, values = _by_block(q), _by_block(v)
    if k is None:
        logits = widened(queries.new_zeros(*queries.shape[:2], values.shape[1]))
    else:
        logits = widened(torch.bmm(queries, _by_block(k).mT))  # (B n X Y, I J, A B)
    if relative is not None:
        down = displacements(q.shape[4], v.shape[4], geometry, q.device)
        across = displacements(q.shape[5], v.shape[5], geometry, q.device)
        r = relative.vectors(down, across).flatten(0, 1).flatten(1, 2)  # (I J, A B, d)
        logits = logits + torch.bmm(widened(queries).transpose(0, 1), r.mT).transpose(0, 1)
    if geometry.border == "mask":
        by_place = logits.view(*q.shape[:4], *logits.shape[1:])  # (B, n, X, Y, I J, A B)
        hidden = hidden.flatten(-2)[..., None, :]
        logits = by_place.masked_fill(hidden, -torch.inf).flatten(0, 3)
    out = torch.bmm(logits.softmax(-1).to(v.dtype), values)  # (B n X Y, I J, dv)
    out = out.view(*q.shape[:-1], -1).transpose(3, 4)
    return out.flatten(4, 5).flatten(2, 3)


def _by_block(x: Tensor) -> Tensor:
    """(B, n, X, Y, I, J, d) -> (B n X Y, I J, d)."""
    return x.flatten(4, 5).flatten(0, 3)


def _regions(length: int, block: int, stride: int) -> Iterator[tuple[int, tuple[int, int]]]:
    """First query, (blocks, queries a block): the full blocks, then the one that is cut short."""
    full, rest = length // block, length % block  # a tracer's lengths have no divmod
    if full:
        yield 0, (full, -(-block // stride))
    if rest:
        yield full * block // stride, (1, -(-rest // stride))


def _windows(
    x: Tensor, start: tuple[int, int], blocks: tuple[int, int], block: tuple[int, int], halo: int
) -> Tensor:
    """(B, n, H, W, d), padded -> (B, n, X, Y, A, B, d): each block with its halo, a view."""
    x = x[:, :, start[0] :, start[1] :]
    x = x.unfold(2, block[0] + 2 * halo, block[0]).unfold(3, block[1] + 2 * halo, block[1])
    return x[:, :, : blocks[0], : blocks[1]].movedim(4, -1)
