"""`attend` by blocks, with positions and masks folded into the product of queries and keys."""

import torch
from torch import Tensor
from torch.nn import functional

from sabench.catalog.attention import Geometry
from sabench.layers.kernels import blocked
from sabench.layers.kernels.blocks import by_block, cut
from sabench.layers.relative import Relative


def attend(
    q: Tensor, k: Tensor | None, v: Tensor, relative: Relative | None, geometry: Geometry
) -> Tensor:
    """softmax(q'.k') v with q' = (q, q.R_row, q.R_column) and k' = (k, its row, its column).

    Row and column of a key are one-hot, so q'.k' is q.k plus the logits of the key's row and
    column, masks among them: no bias is ever made. Without either, or without keys, it is
    `blocked`.
    Shapes: q (B, n, H', W', d), k (B, n, H, W, d), v (B, n, H, W, dv) -> (B, n, H', W', dv).
    """
    blocks = cut(q, k, v, geometry)
    told = None if k is None else blocks.positions(relative)
    if told is None or blocks.keys is None:
        return blocks.joined(blocked.attended(blocks, relative))
    least = torch.finfo(q.dtype).min / 4  # two of them are finite still
    rows, columns = (one.clamp_min(least).to(q.dtype) for one in told)
    queries = torch.cat([blocks.queries, rows, columns], dim=-1)  # (B, n, X, Y, I, J, d + A + B)
    places = _places(blocks.keys).expand(*blocks.keys.shape[:-1], -1)
    keys = torch.cat([blocks.keys, places], dim=-1)  # (B, n, X, Y, A, B, d + A + B)
    logits = torch.bmm(by_block(queries), by_block(keys).mT)
    return blocks.joined(torch.bmm(logits.softmax(-1), by_block(blocks.values)))


def _places(keys: Tensor) -> Tensor:
    """Row and column of each key of a block, one-hot: (A, B, A + B)."""
    rows, columns = keys.shape[4:6]
    row = functional.one_hot(torch.arange(rows, device=keys.device), rows)[:, None]
    column = functional.one_hot(torch.arange(columns, device=keys.device), columns)[None]
    shape = (rows, columns, -1)
    return torch.cat([row.expand(shape), column.expand(shape)], dim=-1).to(keys.dtype)
