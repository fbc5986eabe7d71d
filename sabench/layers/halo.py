"""Halo attention."""

from torch import Tensor, nn

from sabench.catalog.layers.halo import HaloOptions, halo_call, halo_key_channels
from sabench.catalog.rows import Size
from sabench.layers.absolute import LearnedPositions
from sabench.layers.heads import Attend, merge_heads, split_heads
from sabench.layers.kernels import reference
from sabench.layers.relative import Relative, new_table


class HaloAttention2d(nn.Module):
    """The queries of a block share one neighbourhood: the block widened by the halo.

    Source: Vaswani et al. 2021 (arXiv:2103.12731), section 2; a stride thins the queries of a
    block and leaves its neighbourhood.
    Open in the paper: keys outside the map are masked, or zeros with border="zeros"; r is the sum
    of a row and a column embedding of full width (the parameter counts settle it), looked up by
    the displacement in pixels. The equation has no 1 / sqrt(d); code that scales q.k by it has
    this layer's keys divided by it. Absolute embeddings are learned, a row's and a column's, and
    added to the layer's input; another map than the built one interpolates them.
    Shapes: (B, C_in, H, W) -> (B, C_out, ceil(H / stride), ceil(W / stride)).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        stride: int = 1,
        size: Size,
        options: HaloOptions,
        attend: Attend = reference.attend,
    ) -> None:
        super().__init__()
        call = halo_call(options, in_channels, out_channels, size, stride)
        self.options, self.attend, self.geometry = options, attend, call.geometry
        self.widths = [halo_key_channels(options, out_channels), out_channels]
        self.to_q = nn.Conv2d(in_channels, self.widths[0], 1, stride, bias=False)
        self.to_kv = nn.Conv2d(in_channels, sum(self.widths), 1, bias=False)
        self.positions: nn.Module = nn.Identity()
        if options.position == "absolute":
            self.positions = LearnedPositions(in_channels, size)
        reach = options.block + 2 * options.halo
        self.zero = reach - 1 + options.halo
        if options.position == "relative":
            self.rows = new_table(2 * reach - 1, call.key_width)
            self.columns = new_table(2 * reach - 1, call.key_width)

    def forward(self, x: Tensor) -> Tensor:
        """Attend from the kept queries to their blocks' neighbourhoods."""
        x = self.positions(x)
        k, v = self.to_kv(x).split(self.widths, dim=1)
        q, k, v = (split_heads(part, self.options.heads) for part in (self.to_q(x), k, v))
        relative = None
        if self.options.position == "relative":
            relative = Relative(self.rows, self.columns, (self.zero, self.zero), split=False)
        return merge_heads(self.attend(q, k, v, relative, self.geometry))
