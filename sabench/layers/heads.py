"""What every attention layer does around `attend`: channels to heads and back, pooling."""

from typing import Protocol

from torch import Tensor
from torch.nn import functional

from sabench.catalog.attention import Geometry
from sabench.layers.relative import Relative


class Attend(Protocol):
    """How an implementation is called; shapes are in `sabench.catalog.attention`."""

    def __call__(
        self,
        q: Tensor,
        k: Tensor | None,
        v: Tensor,
        relative: Relative | None,
        geometry: Geometry,
    ) -> Tensor:
        """One output vector of v's width for each query."""


def split_heads(x: Tensor, heads: int) -> Tensor:
    """(B, n d, H, W) -> (B, n, H, W, d), a view."""
    b, _, h, w = x.shape
    return x.view(b, heads, -1, h, w).permute(0, 1, 3, 4, 2)


def merge_heads(x: Tensor) -> Tensor:
    """(B, n, H, W, d) -> (B, n d, H, W)."""
    return x.permute(0, 1, 4, 2, 3).flatten(1, 2)


def pool(x: Tensor, stride: int) -> Tensor:
    """The mean of each stride x stride square; an odd map keeps its last row and column.

    Nothing is padded, but compiled by torch's inductor with count_include_pad the gradient of
    squares cut short is divided by the whole square (pytorch issue 198119).
    """
    if stride == 1:
        return x
    return functional.avg_pool2d(x, stride, ceil_mode=True, count_include_pad=False)
