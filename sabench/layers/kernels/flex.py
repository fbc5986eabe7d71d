"""`attend` by blocks through torch's FlexAttention, positions and masks read in its score function.

FlexAttention is a kernel that torch's compiler writes for the score function. Where no gradient is
wanted it stands behind an operator of ours, which counters know; else autograd goes through it.
"""

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.attention.flex_attention import flex_attention
from torch.utils.flop_counter import register_flop_formula

from sabench.catalog.attention import Geometry
from sabench.errors import ConfigError
from sabench.layers.kernels import blocked
from sabench.layers.kernels.blocks import by_block, by_head, cut
from sabench.layers.kernels.derivatives import FORWARD_MODE, not_given
from sabench.layers.relative import Relative

SHAPES = 256
"""Of one process, a kernel each. Torch would give up after 8, and a network alone may have more."""

LEAST = 16
"""Channels of a head on CUDA: narrower ones are filled up with zeros."""


def attend(
    q: Tensor, k: Tensor | None, v: Tensor, relative: Relative | None, geometry: Geometry
) -> Tensor:
    """softmax(q.k + row + column) v: neither logits nor a bias are kept.

    Without keys it is `blocked`.
    Shapes: q (B, n, H', W', d), k (B, n, H, W, d), v (B, n, H, W, dv) -> (B, n, H', W', dv).
    Raises: ConfigError on a CPU if a gradient is wanted: FlexAttention has none there; for
    derivatives in forward mode.
    """
    blocks = cut(q, k, v, geometry)
    if blocks.keys is None:
        return blocks.joined(blocked.attended(blocks, relative))
    heads = q.shape[:2].numel()
    told = blocks.positions(relative) or ()
    inputs = [
        by_head(by_block(x), heads)
        for x in (blocks.queries, blocks.keys, blocks.values, *(one.contiguous() for one in told))
    ]
    wants_gradient = torch.is_grad_enabled() and any(x.requires_grad for x in inputs)
    words = not_given(inputs)
    if words and (words == FORWARD_MODE or not wants_gradient):
        raise ConfigError(f"implementation=flex has no {words}: use blocked")
    if wants_gradient:
        if q.device.type == "cpu":
            raise ConfigError("implementation=flex has no gradients on a CPU")
        out = (_flex if torch.compiler.is_compiling() else _compiled())(*inputs)
    else:
        out = flex_blocks(*inputs)
    return blocks.joined(out.flatten(0, 1))


@torch.library.custom_op("sabench::flex_blocks", mutates_args=())
def flex_blocks(
    q: Tensor, k: Tensor, v: Tensor, rows: Tensor | None = None, columns: Tensor | None = None
) -> Tensor:
    """Attention of each block of each head.

    Shapes: q (B n, X Y, I J, d), k (B n, X Y, A B, d), v (B n, X Y, A B, dv), rows (B n, X Y, I J,
    A), columns (B n, X Y, I J, B) -> (B n, X Y, I J, dv).
    """
    found: Tensor = _compiled()(q, k, v, rows, columns)
    return found


@flex_blocks.register_fake
def _(q: Tensor, k: Tensor, v: Tensor, *rest: Any) -> Tensor:
    return q.new_empty(*q.shape[:-1], v.shape[-1])


@register_flop_formula(torch.ops.sabench.flex_blocks)
def _(q: list[int], k: list[int], v: list[int], *rest: Any, **_: Any) -> int:
    """Of q.k and of the weights with v; positions are multiplied before it."""
    return 2 * math.prod(q[:3]) * k[2] * (k[3] + v[3])


@cache
def _compiled() -> Callable[..., Tensor]:
    limits = torch._dynamo.config
    limits.recompile_limit = max(limits.recompile_limit, SHAPES)
    return torch.compile(_flex, fullgraph=True, dynamic=False)


def _flex(
    q: Tensor, k: Tensor, v: Tensor, rows: Tensor | None = None, columns: Tensor | None = None
) -> Tensor:
    width_out = v.shape[-1]
    if q.is_cuda:
        q, k, v = (functional.pad(x, (0, max(0, LEAST - x.shape[-1]))) for x in (q, k, v))
    if rows is None or columns is None:
        return flex_attention(q, k, v, scale=1.0)[..., :width_out]
    width = columns.shape[-1]

    def added(score: Tensor, head: Tensor, block: Tensor, query: Tensor, key: Tensor) -> Tensor:
        at = (head, block, query)
        return score + rows[(*at, key // width)] + columns[(*at, key % width)]

    return flex_attention(q, k, v, score_mod=added, scale=1.0)[..., :width_out]
