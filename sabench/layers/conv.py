"""Convolution."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from sabench.catalog.layers.conv import ConvOptions, conv_groups, is_patches
from sabench.catalog.rows import Size


class SoundConv2d(nn.Conv2d):
    """torch's convolution, with a right gradient on maps that are narrower than the stride.

    There oneDNN's bfloat16 kernels for AMX leave weights of their gradient unwritten, whatever lay
    in that memory (torch 2.13; related: pytorch/pytorch#169688): such maps are convolved in fp32.
    """

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        convolve: Callable[[Tensor, Tensor, Tensor | None], Tensor] = super()._conv_forward
        is_cpu = input.device.type == "cpu"
        if not is_cpu or input.shape[-1] >= self.stride[1] or _dtype(input) != torch.bfloat16:
            return convolve(input, weight, bias)
        with torch.autocast("cpu", enabled=False):
            shift = None if bias is None else bias.float()
            return convolve(input.float(), weight.float(), shift).bfloat16()


def _dtype(x: Tensor) -> torch.dtype:
    """What a convolution of it is computed in: autocast leaves doubles alone."""
    is_cast = x.dtype != torch.float64 and torch.is_autocast_enabled(x.device.type)
    return torch.get_autocast_dtype(x.device.type) if is_cast else x.dtype


class Conv2d(SoundConv2d):
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
