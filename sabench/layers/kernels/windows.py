"""Each block of a map with the halo around it, and the gradient of the map by sums of slices."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

Pair = tuple[int, int]


def windows(x: Tensor, blocks: Pair, block: Pair, halo: int) -> Tensor:
    """(B, n, H, W, d) -> (B, n, X, Y, A, B, d): a view that overlaps, zeros outside of the map.

    torch's own gradient of an unfolding takes about as long as a layer's products. Where a window
    reaches no further than the blocks beside its own, the gradient is a block's own and what lies
    over it of its neighbours' halos; a halo wider than its block keeps torch's.
    """
    if halo and halo <= min(block) and torch.is_grad_enabled() and x.requires_grad:
        found: Tensor = _Windows.apply(x, blocks, block, halo)  # type: ignore[no-untyped-call]
        return found
    return _view(x, blocks, block, halo)


class _Windows(torch.autograd.Function):
    """Without a rule for forward-mode derivatives: torch.compile takes no function that has one."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, blocks: Pair, block: Pair, halo: int) -> Tensor:
        return _view(x, blocks, block, halo)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Pair, Pair, int], output: Tensor) -> None:
        x, _, ctx.block, ctx.halo = inputs
        ctx.size = (x.shape[2], x.shape[3])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        """Rows first, then columns; differentiable in turn."""
        (grad,), (rows, columns) = grads, ctx.block
        (height, width), batch, down, across = ctx.size, *grads[0].shape[1:4]
        shape = (grad.shape[0], batch, down, across, rows, grad.shape[5], grad.shape[6])
        by_row = _summed(grad, grad.new_empty(shape), 2, 4, ctx.halo)
        shape = (grad.shape[0], batch, down, rows, across, columns, grad.shape[6])
        whole = grad.new_empty(shape)
        _summed(by_row, whole.transpose(3, 4), 3, 5, ctx.halo)
        whole = whole.view(*shape[:2], down * rows, across * columns, shape[-1])
        return whole[:, :, :height, :width], None, None, None


def _summed(grad: Tensor, out: Tensor, blocks: int, inside: int, halo: int) -> Tensor:
    """Into `out` along one axis: a block's own part, and its neighbours' halos over its ends."""
    count, block = out.shape[blocks], out.shape[inside]
    out.copy_(grad.narrow(inside, halo, block))
    if count > 1:
        upper, lower = out.narrow(blocks, 0, count - 1), out.narrow(blocks, 1, count - 1)
        below, above = grad.narrow(blocks, 1, count - 1), grad.narrow(blocks, 0, count - 1)
        upper.narrow(inside, block - halo, halo).add_(below.narrow(inside, 0, halo))
        lower.narrow(inside, 0, halo).add_(above.narrow(inside, halo + block, halo))
    return out


def _view(x: Tensor, blocks: Pair, block: Pair, halo: int) -> Tensor:
    below, right = (blocks[i] * block[i] - x.shape[2 + i] + halo for i in (0, 1))
    if halo or below or right:
        x = functional.pad(x, (0, 0, halo, right, halo, below))
    x = x.unfold(2, block[0] + 2 * halo, block[0]).unfold(3, block[1] + 2 * halo, block[1])
    return x.movedim(4, -1)
