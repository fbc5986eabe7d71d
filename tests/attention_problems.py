"""Attention over random maps, in every kind of geometry, with its gradients."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from sabench.catalog.attention import Geometry
from sabench.layers.relative import Relative

Attend = Callable[..., Tensor]

BAND, GLOBAL = (1, 1), (0, 0)
CASES = {  # map, block, halo, query stride, border, positions, widths of keys and values
    "halo": ((5, 7), (4, 4), 1, 1, "mask", "sum", (8, 8)),
    "halo, zeros, odd blocks": ((4, 5), (3, 5), 2, 1, "zeros", "sum", (4, 16)),
    "halo, every second query": ((5, 3), (4, 2), 1, 2, "mask", "sum", (8, 4)),
    "blocks alone": ((5, 6), (2, 3), 0, 1, "mask", "none", (8, 8)),
    "large blocks": ((11, 9), (10, 12), 1, 1, "mask", "split", (6, 8)),
    "band": ((9, 4), BAND, 2, 1, "mask", "split", (8, 8)),
    "band, zeros": ((5, 9), BAND, 3, 1, "zeros", "split", (4, 20)),
    "band of one key": ((3, 4), BAND, 0, 1, "mask", "split", (8, 8)),
    "global": ((7, 9), GLOBAL, 0, 1, "mask", "sum", (16, 16)),
    "wide heads": ((5, 7), (4, 4), 1, 1, "mask", "sum", (40, 36)),
    "one pixel": ((1, 1), BAND, 4, 1, "mask", "none", (8, 8)),
}


class Problem:
    """Random q, k, v of two heads, tables and a geometry."""

    def __init__(
        self,
        size: tuple[int, int],
        block: tuple[int, int],
        halo: int,
        stride: int,
        border: str,
        positions: str,
        widths: tuple[int, int],
        dtype: torch.dtype = torch.float32,
        device: str = "cpu",
    ) -> None:
        torch.manual_seed(0)
        if block == GLOBAL:
            block = size
        self.geometry = Geometry(block, halo, block == BAND, border, stride)  # type: ignore[arg-type]
        kept = (-(-size[0] // stride), -(-size[1] // stride))
        maps = ((kept, widths[0]), (size, widths[0]), (size, widths[1]))
        self.made = [torch.randn(1, 2, *place, wide).to(device, dtype) for place, wide in maps]
        if positions == "none":
            self.tables: list[Tensor] = []
        else:
            half = widths[0] // 2
            each = (half, widths[0] - half) if positions == "split" else (widths[0],) * 2
            self.tables = [torch.randn(41, wide).to(device, dtype) for wide in each]
        self.split = positions == "split"
        for tensor in self.learnt:
            tensor.requires_grad_()

    @property
    def learnt(self) -> list[Tensor]:
        """All that gets a gradient."""
        return [*self.made, *self.tables]

    def answers(self, attend: Attend, dtype: torch.dtype | None = None) -> list[Tensor]:
        """The output and every gradient, of the same numbers in `dtype` if one is told."""
        learnt = [each.detach().to(dtype or each.dtype).requires_grad_() for each in self.learnt]
        (q, k, v), tables = learnt[:3], learnt[3:]
        relative = Relative(tables[0], tables[1], (20, 20), self.split) if tables else None
        out = attend(q, k, v, relative, self.geometry)
        torch.manual_seed(1)
        upstream = torch.randn(out.shape).to(self.made[0].dtype).to(out)
        found = torch.autograd.grad(out, learnt, upstream, allow_unused=True)
        zeros = (
            torch.zeros_like(of) if one is None else one
            for one, of in zip(found, learnt, strict=True)
        )
        return [out.detach(), *zeros]


def assert_near(found: Sequence[Tensor], expected: Sequence[Tensor], allowed: float) -> None:
    """The norm of each difference is at most that share of the expected one, or of 4."""
    for mine, wanted in zip(found, expected, strict=True):
        assert wanted.dtype in (mine.dtype, torch.float64)
        error = (mine.double() - wanted.double()).norm()
        assert error <= allowed * wanted.double().norm().clamp_min(4.0)
