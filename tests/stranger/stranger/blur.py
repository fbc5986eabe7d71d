"""The stranger's layer: average over taps x taps, then mix the channels."""

from torch import Tensor, nn

from stranger import BlurOptions


class Blur2d(nn.Module):
    """(B, C_in, H, W) -> (B, C_out, H', W')."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        stride: int = 1,
        size: tuple[int, int],
        options: BlurOptions,
    ) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(options.taps, stride, options.taps // 2, count_include_pad=False)
        self.mix = nn.Conv2d(in_channels, out_channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.mix(self.pool(x))
