"""Stand-alone self-attention."""

from torch import Tensor, nn

from sabench.catalog.layers.self_attention import SelfAttentionOptions, self_attention_call
from sabench.catalog.rows import Size
from sabench.layers.heads import Attend, merge_heads, pool, split_heads
from sabench.layers.kernels import reference
from sabench.layers.relative import Relative, new_table


class SelfAttention2d(nn.Module):
    """Each position attends to the window x window square centred on it.

    Source: Ramachandran et al. 2019 (arXiv:1906.05909), eq. 3; a stride averages afterwards.
    Open in the paper: heads have dense projections (the parameter counts settle it) and share
    the tables (HaloNet says so); windows at the border see no keys outside the map, or zeros with
    border="zeros". There is no 1 / sqrt(d) in the equation and none here.
    Shapes: (B, C_in, H, W) -> (B, C_out, ceil(H / stride), ceil(W / stride)).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        stride: int = 1,
        size: Size,
        options: SelfAttentionOptions,
        attend: Attend = reference.attend,
    ) -> None:
        super().__init__()
        call = self_attention_call(options, in_channels, out_channels, size, stride)
        self.options, self.stride, self.attend = options, stride, attend
        self.geometry = call.geometry
        self.to_qkv = nn.Conv2d(in_channels, 3 * out_channels, 1, bias=False)
        self.rows = new_table(options.window, call.key_width // 2)
        self.columns = new_table(options.window, call.key_width // 2)

    def forward(self, x: Tensor) -> Tensor:
        """Attend within the windows, then average each stride x stride square."""
        heads, halo = self.options.heads, self.geometry.halo
        q, k, v = (split_heads(part, heads) for part in self.to_qkv(x).chunk(3, dim=1))
        relative = Relative(self.rows, self.columns, (halo, halo), split=True)
        return pool(merge_heads(self.attend(q, k, v, relative, self.geometry)), self.stride)
