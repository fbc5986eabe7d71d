"""What several oracles share: 1 x 1 maps, pixels put together, plain averages, sinusoids."""

import math
from collections.abc import Callable

import torch
from torch import Tensor


def mapped(weight: Tensor, x: Tensor) -> Tensor:
    """W x_ij at every position: weight (O, C, 1, 1), x (B, C, H, W) -> (B, O, H, W)."""
    return torch.einsum("oc,bchw->bohw", weight[:, :, 0, 0], x)


def by_head(x: Tensor, heads: int) -> Tensor:
    """(B, n d, H, W) -> (B, n, d, H, W)."""
    return x.reshape(len(x), heads, -1, *x.shape[2:])


def each_pixel(height: int, width: int, value: Callable[[int, int], Tensor]) -> Tensor:
    """value(i, j), of shape (B, ...), at every position -> (B, C, H, W)."""
    pixels = [value(i, j).flatten(1) for i in range(height) for j in range(width)]
    return torch.stack(pixels, dim=-1).unflatten(-1, (height, width))


def attended(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """softmax_ab(q . k_ab) v_ab: q (B, n, d), k (B, n, d, A, B), v likewise -> (B, n, dv)."""
    logits = (q[..., None, None] * k).sum(2)
    weights = logits.flatten(2).softmax(-1).reshape(logits.shape)
    return (weights[:, :, None] * v).sum((-1, -2))


def averaged(y: Tensor, stride: int) -> Tensor:
    """The mean of each stride x stride square, at the edge of what is there of it."""
    height, width = (-(-length // stride) for length in y.shape[2:])

    def mean(i: int, j: int) -> Tensor:
        square = y[:, :, stride * i : stride * (i + 1), stride * j : stride * (j + 1)]
        return square.mean((2, 3))

    return each_pixel(height, width, mean)


def reach(first: int, last: int, length: int, border: str) -> tuple[int, int]:
    """The rows [first, last) that take part: those of the map, or with zeros all of them."""
    return (max(first, 0), min(last, length)) if border == "mask" else (first, last)


def sinusoids(channels: int, height: int, width: int) -> Tensor:
    """(1, C, H, W): of the row in the first half of the channels, of the column in the others.

    Of d channels, number 2i is sin(p / 10000^(2i / d)), number 2i + 1 its cosine (1706.03762).
    """

    def wave(place: int, number: int, d: int) -> float:
        angle = place / 10_000 ** (2 * (number // 2) / d)
        return math.cos(angle) if number % 2 else math.sin(angle)

    def pixel(i: int, j: int) -> Tensor:
        d, e = channels - channels // 2, channels // 2
        waves = [wave(i, c, d) for c in range(d)] + [wave(j, c, e) for c in range(e)]
        return torch.tensor([waves], dtype=torch.float64)

    return each_pixel(height, width, pixel)


def interpolated(table: Tensor, length: int) -> Tensor:
    """The table's rows on a line from its first to its last, read at `length` even places."""
    entries = []
    for number in range(length):
        place = number * (len(table) - 1) / (length - 1)
        low = min(int(place), len(table) - 2)
        entries.append(table[low] + (place - low) * (table[low + 1] - table[low]))
    return torch.stack(entries)
