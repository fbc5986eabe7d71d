"""Global attention, BoTNet's."""

from torch import Tensor, nn

from sabench.catalog.layers.global_attention import GlobalAttentionOptions, global_attention_call
from sabench.catalog.rows import Size
from sabench.layers.absolute import FreePositions
from sabench.layers.heads import Attend, merge_heads, pool, split_heads
from sabench.layers.kernels import reference
from sabench.layers.relative import global_relative, new_table


class GlobalAttention2d(nn.Module):
    """Each position attends to the whole map, with relative row and column embeddings.

    Source: Srinivas et al. 2021 (arXiv:2101.11605), figure 4; a stride averages afterwards.
    Open in the paper: the figure shows no scale. Its authors' code multiplies q by d^-0.5 before
    both logits, and so does this; code that scales q.k alone has tables divided by sqrt(d).
    Another map than the built one interpolates r. Free positions are ViT's (arXiv:2010.11929), one
    embedding for each pixel, added to the input: neither paper has them in this layer.
    Shapes: (B, C_in, H, W) -> (B, C_out, ceil(H / stride), ceil(W / stride)).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        stride: int = 1,
        size: Size,
        options: GlobalAttentionOptions,
        attend: Attend = reference.attend,
    ) -> None:
        super().__init__()
        call = global_attention_call(options, in_channels, out_channels, size, stride)
        self.channels = (in_channels, out_channels)
        self.options, self.stride, self.attend = options, stride, attend
        self.to_qkv = nn.Conv2d(in_channels, 3 * out_channels, 1, bias=False)
        self.positions: nn.Module = nn.Identity()
        if options.position == "free":
            self.positions = FreePositions(in_channels, size)
        if options.position == "relative":
            self.rows = new_table(2 * size[0] - 1, call.key_width)
            self.columns = new_table(2 * size[1] - 1, call.key_width)

    def forward(self, x: Tensor) -> Tensor:
        """Attend over the map, then average each stride x stride square."""
        size = (x.shape[2], x.shape[3])
        call = global_attention_call(self.options, *self.channels, size, self.stride)
        parts = self.to_qkv(self.positions(x)).chunk(3, dim=1)
        q, k, v = (split_heads(part, call.heads) for part in parts)
        relative = None
        if self.options.position == "relative":
            relative = global_relative(self.rows, self.columns, size)
        q = q * call.key_width**-0.5
        return pool(merge_heads(self.attend(q, k, v, relative, call.geometry)), self.stride)
