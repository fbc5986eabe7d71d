"""AAConv(X) = concat(Conv(X), MHA(X)) (1904.09925, eq. 1-5), r shared by the heads.

O_h = softmax((Q K^T + S_H + S_W) / sqrt(dk_h)) V, S_W[i,j] = q_i . r^W_{jx-ix}. Other positions
than relative have no S; what attention reads has sinusoids added or coordinates beside it.
"""

import math
from types import SimpleNamespace

import torch
from torch import Tensor

from oracles import conv
from oracles.parts import attended, by_head, each_pixel, mapped, sinusoids


def oracle(parameters: dict[str, Tensor], x: Tensor, options, stride: int) -> Tensor:
    weight = parameters["to_qkv.weight"]
    values = len(parameters["to_out.weight"])
    keys = (len(weight) - values) // 2
    seen = halved(x) if options.downsample else x
    seen = seen[:, :, ::stride, ::stride]
    while options.max_map and max(seen.shape[2:]) > options.max_map:
        seen = halved(seen)
    height, width = seen.shape[2:]
    if options.position == "sine":
        seen = seen + sinusoids(seen.shape[1], height, width)
    if options.position == "coordconv":
        places = coordinates(height, width).expand(len(seen), -1, -1, -1)
        seen = torch.cat([seen, places], dim=1)
    q, k, v = (
        by_head(mapped(part, seen), options.heads) for part in weight.split([keys, keys, values])
    )

    def pixel(i: int, j: int) -> Tensor:
        query = q[..., i, j] / math.sqrt(q.shape[2])
        if options.position != "relative":
            return attended(query, k, v)
        rows = parameters["rows"][height - 1 - i : 2 * height - 1 - i]  # r^H_{jy - iy}
        columns = parameters["columns"][width - 1 - j : 2 * width - 1 - j]  # r^W_{jx - ix}
        r = rows.T[:, :, None] + columns.T[:, None, :]
        return attended(query, k + r, v)

    heads = mapped(parameters["to_out.weight"], each_pixel(height, width, pixel))
    heads = bilinear(heads, -(-x.shape[2] // stride), -(-x.shape[3] // stride))
    if "conv.weight" not in parameters:
        return heads
    window = SimpleNamespace(window=options.window)
    return torch.cat(
        [conv.oracle({"weight": parameters["conv.weight"]}, x, window, stride), heads], dim=1
    )


def halved(x: Tensor) -> Tensor:
    """The mean of the pixels there are in each 3 x 3 square, at every second position."""

    def mean(i: int, j: int) -> Tensor:
        top, left = max(2 * i - 1, 0), max(2 * j - 1, 0)
        return x[:, :, top : 2 * i + 2, left : 2 * j + 2].mean((2, 3))

    return each_pixel(-(-x.shape[2] // 2), -(-x.shape[3] // 2), mean)


def coordinates(height: int, width: int) -> Tensor:
    """(1, 3, H, W): x and y from -1 to 1 (1807.03247), r their distance from the centre."""

    def pixel(i: int, j: int) -> Tensor:
        y = -1 + 2 * i / (height - 1) if height > 1 else 0.0
        x = -1 + 2 * j / (width - 1) if width > 1 else 0.0
        return torch.tensor([[x, y, math.sqrt(x * x + y * y)]], dtype=torch.float64)

    return each_pixel(height, width, pixel)


def bilinear(x: Tensor, height: int, width: int) -> Tensor:
    """Linear between the four nearest pixels, whose centres lie at (i + 1/2) / length.

    A map of that size is left as it is.
    """

    def nearest(i: int, length: int, source: int) -> tuple[int, int, float]:
        place = min(max((i + 0.5) * source / length - 0.5, 0), source - 1)
        low = math.floor(place)
        return low, min(low + 1, source - 1), place - low

    def pixel(i: int, j: int) -> Tensor:
        top, below, s = nearest(i, height, x.shape[2])
        left, right, t = nearest(j, width, x.shape[3])
        upper = (1 - t) * x[:, :, top, left] + t * x[:, :, top, right]
        lower = (1 - t) * x[:, :, below, left] + t * x[:, :, below, right]
        return (1 - s) * upper + s * lower

    return each_pixel(height, width, pixel)
