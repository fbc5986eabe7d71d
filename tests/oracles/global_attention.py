"""y_ij = sum_ab softmax_ab(d^-1/2 q_ij . (k_ab + R_row[a-i] + R_col[b-j])) v_ab (2101.11605).

The sum runs over the whole map; a stride averages afterwards. Free positions are an embedding of
each pixel, added to x; they and none leave R out.
"""

from torch import Tensor

from oracles.parts import attended, averaged, by_head, each_pixel, mapped


def oracle(parameters: dict[str, Tensor], x: Tensor, options, stride: int) -> Tensor:
    height, width = x.shape[2:]
    if options.position == "free":
        x = x + parameters["positions.table"].permute(2, 0, 1)  # (C, i, j)
    q, k, v = (
        by_head(mapped(weight, x), options.heads) for weight in parameters["to_qkv.weight"].chunk(3)
    )

    def pixel(i: int, j: int) -> Tensor:
        if options.position != "relative":
            return attended(q[..., i, j] / q.shape[2] ** 0.5, k, v)
        rows = parameters["rows"][height - 1 - i : 2 * height - 1 - i]  # a - i for a in 0..H-1
        columns = parameters["columns"][width - 1 - j : 2 * width - 1 - j]
        r = rows.T[:, :, None] + columns.T[:, None, :]  # (d, a, b)
        return attended(q[..., i, j] / q.shape[2] ** 0.5, k + r, v)

    return averaged(each_pixel(height, width, pixel), stride)
