"""Gradients through position logits that a kernel has given, a query's row of them in each axis."""

import torch
from torch import Tensor
from torch.nn import functional

from sabench.catalog.attention import Geometry
from sabench.layers.relative import displacements


def of_table(
    q: Tensor,
    table: Tensor,
    d_logits: Tensor,
    axis: int,
    count: int,
    geometry: Geometry,
    zero: int,
) -> tuple[Tensor, Tensor]:
    """The gradients of q and of a table through the logits q.table of one axis, q in fp32.

    `count`: queries of a block along the axis; of the geometry halo and stride of queries count;
    `zero`: the table's entry of no displacement.

    Shapes: q (B, n, H', W', d), d_logits (B, n, H', W', A) -> (B, n, H', W', d), (L, d).
    """
    steps = displacements(count, d_logits.shape[-1], geometry, q.device) + zero
    index = steps.clamp(0, len(table) - 1)  # (I, A)
    queries, logits = (_by_place(x, count, axis) for x in (q, d_logits))
    with torch.autocast("cuda" if q.is_cuda else "cpu", enabled=False):
        d_q = torch.bmm(logits, table.float()[index])  # (I, N, d)
        d_entries = torch.bmm(logits.mT, queries)  # (I, A, d)
    d_table = torch.zeros_like(table, dtype=torch.float32)
    places = (index.flatten(),)
    d_table = d_table.index_put(places, d_entries.flatten(0, 1), accumulate=True)
    return _on_the_map(d_q, q.shape, axis), d_table.to(table.dtype)


def _by_place(x: Tensor, count: int, axis: int) -> Tensor:
    """By the place in its block, of `count` along the axis: (B, n, H', W', d) -> (I, N, d)."""
    if more := -x.shape[2 + axis] % count:  # a pad by nothing copies too
        x = functional.pad(x, (0, 0, 0, more) if axis else (0, 0, 0, 0, 0, more))
    x = x.view(*x.shape[: 2 + axis], -1, count, *x.shape[3 + axis :])
    return x.movedim(3 + axis, 0).flatten(1, -2)


def _on_the_map(x: Tensor, shape: torch.Size, axis: int) -> Tensor:
    """What `_by_place` took apart: (I, N, d) -> `shape`, (B, n, H', W', d)."""
    blocks = -(-shape[2 + axis] // len(x))
    x = x.view(len(x), *shape[: 2 + axis], blocks, *shape[3 + axis :])
    x = x.movedim(0, 3 + axis).flatten(2 + axis, 3 + axis)
    return x.narrow(2 + axis, 0, shape[2 + axis])
