"""The attention stem: spatially aware values inside small blocks."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from sabench.catalog.layers.self_attention import (
    AttentionStemOptions,
    attention_stem_call,
    is_mixed,
)
from sabench.catalog.rows import Size
from sabench.layers.heads import Attend, merge_heads, pool, split_heads
from sabench.layers.kernels import reference
from sabench.layers.relative import new_table, widened


class AttentionStem2d(nn.Module):
    """Attention inside each block; a value is a mixture of maps chosen by its place in the block.

    v_ab = (sum_m p(a, b, m) W_V^m) x_ab, p = softmax over m of (row_a + column_b) . nu_m;
    one map is the stand-alone stem. With values="conv" a convolution gives the values.
    Source: Ramachandran et al. 2019 (arXiv:1906.05909), section 3.2 and its table of stems.
    Open in the paper: the number of mixtures (8 fits the FLOPs), the width of the embeddings (a
    head's), position logits (none), and how the maps are mixed: here each map is computed. The
    convolution's window: here the block's, zeros around the map, the odd one below and right.
    Shapes: (B, C_in, H, W) -> (B, C_out, ceil(H / stride), ceil(W / stride)).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        stride: int = 1,
        size: Size,
        options: AttentionStemOptions,
        attend: Attend = reference.attend,
    ) -> None:
        super().__init__()
        call = attention_stem_call(options, in_channels, out_channels, size, stride)
        self.options, self.stride, self.attend = options, stride, attend
        self.geometry = call.geometry
        self.to_qk = nn.Conv2d(in_channels, 2 * out_channels, 1, bias=False)
        is_conv = options.values == "conv"
        maps, window = (1, options.block) if is_conv else (options.mixtures, 1)
        self.to_v = nn.Conv2d(in_channels, maps * out_channels, window, bias=False)
        before = (window - 1) // 2
        self.border = (before, window - 1 - before) * 2  # left, right, above, below
        if is_mixed(options):
            self.rows = new_table(options.block, call.value_width)
            self.columns = new_table(options.block, call.value_width)
            self.mixtures = new_table(options.mixtures, call.value_width)

    def forward(self, x: Tensor) -> Tensor:
        """Attend within the blocks, then average each stride x stride square."""
        q, k = (split_heads(part, self.options.heads) for part in self.to_qk(x).chunk(2, dim=1))
        maps: Tensor = self.to_v(functional.pad(x, self.border) if any(self.border) else x)
        if is_mixed(self.options):
            maps = self._mixed(maps)
        v = split_heads(maps, self.options.heads)
        return pool(merge_heads(self.attend(q, k, v, None, self.geometry)), self.stride)

    def _mixed(self, maps: Tensor) -> Tensor:
        """(B, m C, H, W) -> (B, C, H, W)."""
        block, (batch, _, height, width) = self.options.block, maps.shape
        rows, columns, mixtures = (widened(t) for t in (self.rows, self.columns, self.mixtures))
        places = rows[:, None, None] + columns[None, :, None]  # (block, block, 1, d)
        shares = (places * mixtures).sum(-1).softmax(-1)  # (block, block, m)
        row = torch.arange(height, device=maps.device) % block
        column = torch.arange(width, device=maps.device) % block
        shares = shares[row[:, None], column].to(maps.dtype)  # (H, W, m)
        maps = maps.view(batch, self.options.mixtures, -1, height * width)
        maps = maps.permute(3, 1, 0, 2).flatten(2)  # (H W, m, B C)
        mixed = torch.bmm(shares.flatten(0, 1)[:, None], maps)  # (H W, 1, B C)
        return mixed.view(height, width, batch, -1).permute(2, 3, 0, 1)
