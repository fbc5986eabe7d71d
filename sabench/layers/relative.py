"""Position logits: everything that depends on where a key lies relative to its query.

A displacement is the key's position minus the query's, in pixels of the key map.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from sabench.catalog.attention import Geometry


@dataclass(frozen=True, slots=True)
class Relative:
    """Tables of row and column embeddings, shared by the heads; r is read off both.

    `zero`: the table rows of displacement 0. `split`: rows act on the first half of q and columns
    on the second, r = concat(rows, columns); otherwise both act on all of q, r = rows + columns.
    Shapes: rows (L_r, d_r), columns (L_c, d_c); d_r + d_c = d if `split`, else d_r = d_c = d.
    """

    rows: Tensor
    columns: Tensor
    zero: tuple[int, int]
    split: bool

    def vectors(self, down: Tensor, across: Tensor) -> Tensor:
        """r of every (query, key) pair, at least in fp32.

        Shapes: down (I, A), across (J, B) displacements -> (I, J, A, B, d).
        """
        rows = _entries(self.rows, down + self.zero[0])[:, None, :, None]  # (I, 1, A, 1, d_r)
        columns = _entries(self.columns, across + self.zero[1])[:, None]  # (J, 1, B, d_c)
        if not self.split:
            return rows + columns
        shape = (len(down), len(across), down.shape[1], across.shape[1])
        return torch.cat([rows.expand(*shape, -1), columns.expand(*shape, -1)], dim=-1)

    def logits(self, q: Tensor, down: Tensor, across: Tensor) -> tuple[Tensor, Tensor]:
        """q.r in two addends, of the key's row and of its column, at least in fp32.

        Shapes: q (..., I, J, d), down (I, A), across (J, B) -> (..., I, J, A), (..., I, J, B).
        """
        q = widened(q)
        half = self.rows.shape[1]
        for_rows, for_columns = (q[..., :half], q[..., half:]) if self.split else (q, q)
        rows = _entries(self.rows, down + self.zero[0])
        columns = _entries(self.columns, across + self.zero[1])
        return (
            _products(for_rows, rows, dim=-3),
            _products(for_columns, columns, dim=-2),
        )


def widened(x: Tensor) -> Tensor:
    """At least fp32: a table row's gradient is a long sum that half types would round away."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def displacements(queries: int, keys: int, geometry: Geometry, device: torch.device) -> Tensor:
    """Along one axis, from each query of a block to each key of its window: (queries, keys)."""
    key = torch.arange(keys, device=device) - geometry.halo
    query = torch.arange(queries, device=device) * geometry.query_stride
    return key[None, :] - query[:, None]


def new_table(length: int, width: int) -> nn.Parameter:
    """An embedding table, normal with standard deviation width^-0.5 (AACN's and BoTNet's code)."""
    return nn.Parameter(torch.randn(length, width) * width**-0.5)


def global_relative(rows: Tensor, columns: Tensor, size: tuple[int, int]) -> Relative:
    """Positions over a whole map; tables built for another map are interpolated linearly.

    Shapes: rows (2 H_built - 1, d), columns (2 W_built - 1, d).
    """
    height, width = size
    rows, columns = resized(rows, 2 * height - 1), resized(columns, 2 * width - 1)
    return Relative(rows, columns, (height - 1, width - 1), split=False)


def resized(table: Tensor, length: int) -> Tensor:
    """The table at `length` rows, linear in between: its ends stay its ends, and so its middle."""
    if len(table) == length:
        return table
    columns = table.t()[None]  # (1, d, L)
    return functional.interpolate(columns, length, mode="linear", align_corners=True)[0].t()


def _entries(table: Tensor, index: Tensor) -> Tensor:
    """Rows of a table, its end for what lies beyond (a band hides such keys).

    An embedding: an index's gradient is added up by several threads in any order.
    """
    return functional.embedding(index.clamp(0, len(table) - 1), widened(table))


def _products(q: Tensor, entries: Tensor, dim: int) -> Tensor:
    """q.r where r depends on the query's place along `dim`: one product a place.

    Written out: einsum takes to elementwise products, which no counter counts, at length 1.
    Shapes: q (..., I, J, d), entries (I or J, A, d) -> (..., I, J, A).
    """
    places = q.movedim(dim, 0)
    products = torch.bmm(places.flatten(1, -2), entries.mT)
    return products.view(*places.shape[:-1], -1).movedim(0, dim)
