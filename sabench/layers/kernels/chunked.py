"""`attend` by blocks, as many at a time as the cache holds."""

from collections.abc import Iterator

import torch
from torch import Tensor

from sabench.catalog.attention import Geometry
from sabench.layers.kernels import blocked
from sabench.layers.kernels.blocks import Blocks, cut
from sabench.layers.relative import Relative

CHUNK = 2**18
"""Logits at a time: 1 MiB in fp32, a core's second cache. A guess for others."""


def attend(
    q: Tensor, k: Tensor | None, v: Tensor, relative: Relative | None, geometry: Geometry
) -> Tensor:
    """`blocked`, some images or some rows of blocks after another.

    Forward alone only a chunk's keys, logits and weights are alive; a backward pass keeps all.
    Shapes: q (B, n, H', W', d), k (B, n, H, W, d), v (B, n, H, W, dv) -> (B, n, H', W', dv).
    """
    blocks = cut(q, k, v, geometry)
    images = [
        torch.cat([_attended(blocks.part(image, rows), relative) for rows in down], dim=2)
        for image, down in _chunks(blocks)
    ]
    return blocks.joined(torch.cat(images))


def _attended(part: Blocks, relative: Relative | None) -> Tensor:
    """(B, n, X, Y, I, J, dv)."""
    return blocked.attended(part, relative).view(*part.queries.shape[:-1], -1)


def _chunks(blocks: Blocks) -> Iterator[tuple[slice, list[slice]]]:
    """Some images with all their rows of blocks, or one image with its rows in turn."""
    count, down = blocks.queries.shape[0], blocks.queries.shape[2]
    block = blocks.queries.shape[4:6].numel() * blocks.values.shape[4:6].numel()
    row = blocks.queries.shape[1] * blocks.queries.shape[3] * block
    images, rows = max(1, CHUNK // (down * row)), max(1, CHUNK // row)
    for image in _slices(count, images):
        yield image, list(_slices(down, down if images > 1 else rows))


def _slices(length: int, step: int) -> Iterator[slice]:
    for start in range(0, length, step):
        yield slice(start, min(start + step, length))
