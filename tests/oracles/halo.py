"""y_ij = sum_{ab in N(block of ij)} softmax_ab(q_ij . k_ab + q_ij . r_{a-i,b-j}) v_ab (2103.12731).

N is the block widened by the halo; r is the sum of a row and a column embedding; a stride keeps
every second query and all of its neighbourhood. Absolute positions are a row's and a column's
embedding, added to x.
"""

import torch
from torch import Tensor

from oracles.parts import attended, by_head, each_pixel, mapped, reach


def oracle(parameters: dict[str, Tensor], x: Tensor, options, stride: int) -> Tensor:
    block, halo, (height, width) = options.block, options.halo, x.shape[2:]
    if options.position == "absolute":
        rows, columns = parameters["positions.rows"], parameters["positions.columns"]
        x = x + rows.T[:, :, None] + columns.T[:, None, :]  # (C, i, j)
    q = by_head(mapped(parameters["to_q.weight"], x), options.heads)
    keys = len(parameters["to_q.weight"])
    k = by_head(mapped(parameters["to_kv.weight"][:keys], x), options.heads)
    v = by_head(mapped(parameters["to_kv.weight"][keys:], x), options.heads)
    fill = (halo, -width % block + halo, halo, -height % block + halo)
    k, v = (torch.nn.functional.pad(y, fill) for y in (k, v))
    zero = block + 2 * halo - 1 + halo  # the row of displacement 0

    def pixel(row: int, column: int) -> Tensor:
        i, j = row * stride, column * stride
        top, left = i - i % block, j - j % block
        a0, a1 = reach(top - halo, top + block + halo, height, options.border)
        b0, b1 = reach(left - halo, left + block + halo, width, options.border)
        window = (..., slice(a0 + halo, a1 + halo), slice(b0 + halo, b1 + halo))
        if options.position != "relative":
            return attended(q[..., i, j], k[window], v[window])
        rows = parameters["rows"][a0 - i + zero : a1 - i + zero]
        columns = parameters["columns"][b0 - j + zero : b1 - j + zero]
        r = rows.T[:, :, None] + columns.T[:, None, :]  # (d, a, b)
        return attended(q[..., i, j], k[window] + r, v[window])

    return each_pixel(-(-height // stride), -(-width // stride), pixel)
