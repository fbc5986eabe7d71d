"""y_ij = sum_{ab in N(ij)} softmax_ab(q_ij . k_ab + q_ij . r_{a-i,b-j}) v_ab (1906.05909, eq. 3).

r_{a-i,b-j} = concat(R_row[a-i], R_col[b-j]); a stride averages afterwards. Without content the
logits are q.r; without relative positions q.k, absolute ones being added to x.
"""

import torch
from torch import Tensor

from oracles.parts import attended, averaged, by_head, each_pixel, mapped, reach, sinusoids


def oracle(parameters: dict[str, Tensor], x: Tensor, options, stride: int) -> Tensor:
    half, (height, width) = options.window // 2, x.shape[2:]
    if options.position == "absolute":
        x = x + sinusoids(x.shape[1], height, width)
    weights = list(parameters["to_qkv.weight"].chunk(3 if options.content else 2))
    if not options.content:
        weights.insert(1, torch.zeros_like(weights[0]))  # q.k = 0
    q, k, v = (by_head(mapped(weight, x), options.heads) for weight in weights)
    k, v = (torch.nn.functional.pad(y, (half,) * 4) for y in (k, v))

    def pixel(i: int, j: int) -> Tensor:
        a0, a1 = reach(i - half, i + half + 1, height, options.border)
        b0, b1 = reach(j - half, j + half + 1, width, options.border)
        window = (..., slice(a0 + half, a1 + half), slice(b0 + half, b1 + half))
        if options.position != "relative":
            return attended(q[..., i, j], k[window], v[window])
        rows = parameters["rows"][a0 - i + half : a1 - i + half]  # R_row[a - i]
        columns = parameters["columns"][b0 - j + half : b1 - j + half]  # R_col[b - j]
        rows = rows.T[:, :, None].expand(-1, -1, b1 - b0)
        columns = columns.T[:, None, :].expand(-1, a1 - a0, -1)
        r = torch.cat([rows, columns])  # (d, a, b)
        return attended(q[..., i, j], k[window] + r, v[window])

    return averaged(each_pixel(height, width, pixel), stride)
