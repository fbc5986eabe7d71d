"""Stand-alone self-attention."""

from torch import Tensor, nn

from sabench.catalog.layers.self_attention import SelfAttentionOptions, self_attention_call
from sabench.catalog.rows import Size
from sabench.layers.absolute import SinePositions
from sabench.layers.heads import Attend, merge_heads, pool, split_heads
from sabench.layers.kernels import reference
from sabench.layers.relative import Relative, new_table


class SelfAttention2d(nn.Module):
    """Each position attends to the window x window square centred on it.

    Source: Ramachandran et al. 2019 (arXiv:1906.05909), eq. 3; a stride averages afterwards.
    Open in the paper: heads have dense projections (the parameter counts settle it) and share
    the tables (HaloNet says so); windows at the border see no keys outside the map, or zeros with
    border="zeros". There is no 1 / sqrt(d) in the equation and none here. It does not say where
    absolute sinusoids are added: here to the layer's input, rows on half of its channels.
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
        self.geometry, self.out_channels = call.geometry, out_channels
        projections = 3 if options.content else 2  # q and v
        self.to_qkv = nn.Conv2d(in_channels, projections * out_channels, 1, bias=False)
        self.positions: nn.Module = nn.Identity()
        if options.position == "absolute":
            self.positions = SinePositions(in_channels, size)
        if options.position == "relative":
            self.rows = new_table(options.window, call.key_width // 2)
            self.columns = new_table(options.window, call.key_width // 2)

    def forward(self, x: Tensor) -> Tensor:
        """Attend within the windows, then average each stride x stride square."""
        heads, halo = self.options.heads, self.geometry.halo
        parts = self.to_qkv(self.positions(x)).split(self.out_channels, dim=1)
        q, *keys, v = (split_heads(part, heads) for part in parts)
        k = keys[0] if self.options.content else None
        relative = None
        if self.options.position == "relative":
            relative = Relative(self.rows, self.columns, (halo, halo), split=True)
        return pool(merge_heads(self.attend(q, k, v, relative, self.geometry)), self.stride)
