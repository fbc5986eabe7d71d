"""Attention inside blocks, v_ab = (sum_m p(a,b,m) W_V^m) x_ab (1906.05909, section 3.2).

p(a,b,m) = softmax_m((emb_row(a) + emb_col(b)) . nu_m), a and b counted inside the block. One
map is taken as it is; the values of a convolution are W x over the block's square about ab.
"""

import torch
from torch import Tensor

from oracles.parts import attended, averaged, by_head, each_pixel, mapped, reach


def oracle(parameters: dict[str, Tensor], x: Tensor, options, stride: int) -> Tensor:
    block, heads, (height, width) = options.block, options.heads, x.shape[2:]
    q, k = (by_head(mapped(weight, x), heads) for weight in parameters["to_qk.weight"].chunk(2))
    window, before = parameters["to_v.weight"].shape[2], (block - 1) // 2
    squares = torch.nn.functional.pad(x, (before, block - 1 - before) * 2)

    def value(i: int, j: int) -> Tensor:
        if options.values == "conv":
            assert window == block
            square = squares[:, None, :, i : i + block, j : j + block]
            return (parameters["to_v.weight"] * square).sum((2, 3, 4))
        maps = torch.stack(parameters["to_v.weight"][:, :, 0, 0].chunk(options.mixtures))
        if options.mixtures == 1:
            return (maps[0] * x[:, None, :, i, j]).sum(2)
        place = parameters["rows"][i % block] + parameters["columns"][j % block]
        p = (place * parameters["mixtures"]).sum(1).softmax(0)
        w = (p[:, None, None] * maps).sum(0)  # maps: (m, O, C)
        return (w * x[:, None, :, i, j]).sum(2)

    v = by_head(each_pixel(height, width, value), heads)
    k, v = (torch.nn.functional.pad(y, (0, -width % block, 0, -height % block)) for y in (k, v))

    def pixel(i: int, j: int) -> Tensor:
        top, left = i - i % block, j - j % block
        a0, a1 = reach(top, top + block, height, options.border)
        b0, b1 = reach(left, left + block, width, options.border)
        return attended(q[..., i, j], k[..., a0:a1, b0:b1], v[..., a0:a1, b0:b1])

    return averaged(each_pixel(height, width, pixel), stride)
