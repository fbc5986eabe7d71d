"""The attention stem: spatially aware values inside small blocks."""

import torch
from torch import Tensor, nn

from sabench.catalog.layers.self_attention import AttentionStemOptions, attention_stem_call
from sabench.catalog.rows import Size
from sabench.layers.heads import Attend, merge_heads, pool, split_heads
from sabench.layers.kernels import reference
from sabench.layers.relative import new_table, widened


class AttentionStem2d(nn.Module):
    """Attention inside each block; a value is a mixture of maps chosen by its place in the block.

    v_ab = (sum_m p(a, b, m) W_V^m) x_ab, p = softmax over m of (row_a + column_b) . nu_m.
    Source: Ramachandran et al. 2019 (arXiv:1906.05909), section 3.2.
    Open in the paper: the number of mixtures (8 fits the FLOPs), the width of the embeddings (a
    head's), position logits (none), and how the maps are mixed: here each map is computed.
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
        self.to_v = nn.Conv2d(in_channels, options.mixtures * out_channels, 1, bias=False)
        self.rows = new_table(options.block, call.value_width)
        self.columns = new_table(options.block, call.value_width)
        self.mixtures = new_table(options.mixtures, call.value_width)

    def forward(self, x: Tensor) -> Tensor:
        """Attend within the blocks, then average each stride x stride square."""
        q, k = (split_heads(part, self.options.heads) for part in self.to_qk(x).chunk(2, dim=1))
        v = split_heads(self._values(x), self.options.heads)
        return pool(merge_heads(self.attend(q, k, v, None, self.geometry)), self.stride)

    def _values(self, x: Tensor) -> Tensor:
        block, (height, width) = self.options.block, x.shape[2:]
        rows, columns, mixtures = (widened(t) for t in (self.rows, self.columns, self.mixtures))
        places = rows[:, None, None] + columns[None, :, None]  # (block, block, 1, d)
        shares = (places * mixtures).sum(-1).softmax(-1)  # (block, block, m)
        row = torch.arange(height, device=x.device) % block
        column = torch.arange(width, device=x.device) % block
        shares = shares[row[:, None], column].to(x.dtype)  # (H, W, m)
        maps: Tensor = self.to_v(x)
        maps = maps.view(len(x), self.options.mixtures, -1, height * width)
        maps = maps.permute(3, 1, 0, 2).flatten(2)  # (H W, m, B C)
        mixed = torch.bmm(shares.flatten(0, 1)[:, None], maps)  # (H W, 1, B C)
        return mixed.view(height, width, len(x), -1).permute(2, 3, 0, 1)
