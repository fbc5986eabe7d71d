"""Convolution."""

from torch import nn

from sabench.catalog.layers.conv import ConvOptions, conv_groups, is_patches
from sabench.catalog.rows import Size


class Conv2d(nn.Conv2d):
    """torch's convolution, padded by half the window; patches are not padded.

    Shapes: (B, C_in, H, W) -> (B, C_out, ceil(H / stride), ceil(W / stride)).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        stride: int = 1,
        size: Size,
        options: ConvOptions,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            options.window,
            stride=stride,
            padding=0 if is_patches(options, stride) else options.window // 2,
            groups=conv_groups(options, in_channels),
            bias=options.bias,
        )
