"""The map cut into blocks of queries and the keys around each, and what positions and masks add."""

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional

from sabench.catalog.attention import Geometry, blocked_block
from sabench.layers.kernels.windows import Pair, windows
from sabench.layers.relative import Relative, displacements


@dataclass(frozen=True, slots=True)
class Blocks:
    """All blocks of a call. A block has I x J queries and A x B keys; X x Y blocks cover the map.

    Shapes: queries (B, n, X, Y, I, J, d) filled up with zeros; keys (B, n, X, Y, A, B, d), None
    where there are none; values (B, n, X, Y, A, B, dv). Keys and values are views that overlap.
    """

    queries: Tensor
    keys: Tensor | None
    values: Tensor
    geometry: Geometry
    block: Pair
    size: Pair  # of the key map
    kept: Pair  # of the query map
    first: Pair = (0, 0)  # row and column of the first block

    def part(self, images: slice, rows: slice) -> Self:
        """Some images of the batch, and some rows of blocks."""
        cut = (images, slice(None), rows)
        return replace(
            self,
            queries=self.queries[cut],
            keys=None if self.keys is None else self.keys[cut],
            values=self.values[cut],
            first=(self.first[0] + rows.start, self.first[1]),
        )

    def positions(self, relative: Relative | None) -> tuple[Tensor, Tensor] | None:
        """Logits of the key's row and of its column, what is hidden far below; None if there are
        neither positions nor masks.

        Shapes: (B, n, X, Y, I, J, A) and (B, n, X, Y, I, J, B).
        """
        steps = [
            displacements(
                self.queries.shape[4 + axis],
                self.block[axis] + 2 * self.geometry.halo,
                self.geometry,
                self.queries.device,
            )
            for axis in (0, 1)
        ]
        hidden = [self._hidden(steps[axis], axis) for axis in (0, 1)]
        if relative is not None:
            rows, columns = relative.logits(self.queries, steps[0], steps[1])
        elif hidden[0] is None and hidden[1] is None:
            return None
        else:
            zeros = self.queries.new_zeros(())
            rows, columns = (
                zeros.expand(*self.queries.shape[:-1], step.shape[1]) for step in steps
            )
        far = torch.finfo(rows.dtype).min / 4  # finite: a filler query may see no key at all
        if hidden[0] is not None:
            rows = rows.masked_fill(hidden[0][:, None, :, None], far)
        if hidden[1] is not None:
            columns = columns.masked_fill(hidden[1][:, None], far)
        return rows, columns

    def bias(self, relative: Relative | None) -> Tensor | None:
        """What positions and masks add to q.k: (B n X Y, I J, A B); None if nothing."""
        told = self.positions(relative)
        if told is None:
            return None
        rows, columns = told
        bias = rows.contiguous()[..., :, None] + columns.contiguous()[..., None, :]
        return bias.view(bias.shape[:4].numel(), bias.shape[4:6].numel(), -1)

    def joined(self, out: Tensor) -> Tensor:
        """The map of what each block's queries got: (B n X Y, I J, dv) -> (B, n, H', W', dv)."""
        shape = self.queries.shape
        out = out.view(*shape[:-1], -1).permute(0, 1, 6, 2, 4, 3, 5)
        out = out.reshape(*shape[:2], out.shape[2], shape[2] * shape[4], shape[3] * shape[5])
        return out[..., : self.kept[0], : self.kept[1]].permute(0, 1, 3, 4, 2)

    def _hidden(self, step: Tensor, axis: int) -> Tensor | None:
        """Along one axis, the keys that a query does not see, (X or Y, I or J, A or B)."""
        geometry, block, size = self.geometry, self.block[axis], self.size[axis]
        hidden = None
        if geometry.border == "mask" and (geometry.halo or size % block):
            blocks = self.queries.shape[2 + axis]
            start = torch.arange(blocks, device=step.device)[:, None, None] + self.first[axis]
            place = start * block + torch.arange(step.shape[1], device=step.device) - geometry.halo
            hidden = (place < 0) | (place >= size)  # (X or Y, 1, A or B)
        if geometry.band:
            beyond = step.abs() > geometry.halo  # (I or J, A or B)
            hidden = beyond[None] if hidden is None else hidden | beyond
        return hidden


def by_block(x: Tensor) -> Tensor:
    """(B, n, X, Y, I, J, d) -> (B n X Y, I J, d); what overlaps is copied."""
    return x.reshape(x.shape[:4].numel(), x.shape[4:6].numel(), x.shape[-1])


def by_head(x: Tensor, heads: int) -> Tensor:
    """(B n X Y, ...) -> (B n, X Y, ...): torch shares its work out along both.

    A map that is one block is still a view of its projection, channels first: no fused kernel
    takes it so, and torch would multiply, add and take the softmax one after another.
    """
    return x.view(heads, -1, *x.shape[1:]).contiguous()


def cut(q: Tensor, k: Tensor | None, v: Tensor, geometry: Geometry) -> Blocks:
    """The blocks of a call; a band is cut into blocks of a size of ours, and masked.

    Shapes: q (B, n, H', W', d), k (B, n, H, W, d), v (B, n, H, W, dv).
    """
    size, block, stride = (v.shape[2], v.shape[3]), blocked_block(geometry), geometry.query_stride
    blocks = (-(-size[0] // block[0]), -(-size[1] // block[1]))
    inner = (-(-block[0] // stride), -(-block[1] // stride))
    values = windows(v, blocks, block, geometry.halo)
    keys = None if k is None else windows(k, blocks, block, geometry.halo)
    kept = (q.shape[2], q.shape[3])
    return Blocks(_queries(q, blocks, inner), keys, values, geometry, block, size, kept)


def _queries(q: Tensor, blocks: Pair, inner: Pair) -> Tensor:
    """(B, n, H', W', d) -> (B, n, X, Y, I, J, d), contiguous, filled up with zeros."""
    below, right = blocks[0] * inner[0] - q.shape[2], blocks[1] * inner[1] - q.shape[3]
    if below or right:
        q = functional.pad(q, (0, 0, 0, right, 0, below))
    q = q.reshape(*q.shape[:2], blocks[0], inner[0], blocks[1], inner[1], -1)
    return q.transpose(3, 4).contiguous()
