"""Squeeze-and-excitation."""

from torch import Tensor, nn

from sabench.catalog.layers.squeeze_excite import SqueezeExciteOptions, excite_width
from sabench.catalog.rows import Size


class SqueezeExcite2d(nn.Module):
    """Each channel is weighed by a function of all channels' global means.

    Source: Hu et al. 2018 (arXiv:1709.01507), eq. 2-4.
    Shapes: (B, C, H, W) -> (B, C, H, W).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        stride: int = 1,
        size: Size,
        options: SqueezeExciteOptions,
    ) -> None:
        super().__init__()
        inner = excite_width(options, in_channels)
        self.squeeze = nn.Linear(in_channels, inner)
        self.excite = nn.Linear(inner, in_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Weigh the channels."""
        weights: Tensor = self.excite(self.squeeze(x.mean((2, 3))).relu()).sigmoid()
        return x * weights[:, :, None, None]
