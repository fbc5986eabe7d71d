"""Attention-augmented convolution."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from sabench.catalog.layers.augmented import (
    AugmentedOptions,
    augmented_call,
    augmented_inputs,
    augmented_widths,
)
from sabench.catalog.rows import Size, strided
from sabench.layers.absolute import Coordinates, SinePositions
from sabench.layers.conv import SoundConv2d
from sabench.layers.heads import Attend, merge_heads, split_heads
from sabench.layers.kernels import reference
from sabench.layers.relative import global_relative, new_table


class AugmentedConv2d(nn.Module):
    """A convolution whose last output channels come from global attention.

    Source: Bello et al. 2019 (arXiv:1904.09925), eq. 1-5; q is scaled before both logits.
    Open in the paper: a stride thins the attention's input as it does the convolution's; with
    `downsample` attention reads a 3 x 3 average at stride 2 (padding not averaged), with `max_map`
    more of them after the stride, and is upsampled bilinearly after its output map. Sinusoids
    and coordinates are those of the map that attention reads, and go into its projections.
    Another map than the built one interpolates r.
    Shapes: (B, C_in, H, W) -> (B, C_out, ceil(H / stride), ceil(W / stride)).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        stride: int = 1,
        size: Size,
        options: AugmentedOptions,
        attend: Attend = reference.attend,
    ) -> None:
        super().__init__()
        self.channels = (in_channels, out_channels)
        self.options, self.stride, self.attend = options, stride, attend
        self.keys, self.values = augmented_widths(options, out_channels)
        call = augmented_call(options, in_channels, out_channels, size, stride)
        window, rest = options.window, out_channels - self.values
        self.conv = (
            SoundConv2d(in_channels, rest, window, stride, padding=window // 2, bias=False)
            if rest
            else None  # fully attentional
        )
        inputs, projected = augmented_inputs(options, in_channels), 2 * self.keys + self.values
        # what comes between the stride and the projection needs the strided map
        between = options.max_map > 0 or options.position in ("sine", "coordconv")
        self.thinned = stride if between else 1
        self.to_qkv = nn.Conv2d(inputs, projected, 1, stride // self.thinned, bias=False)
        self.to_out = nn.Conv2d(self.values, self.values, 1, bias=False)
        self.positions: nn.Module = nn.Identity()
        if options.position == "sine":
            self.positions = SinePositions(in_channels, call.size)
        if options.position == "coordconv":
            self.positions = Coordinates(call.size)
        if options.position == "relative":
            self.rows = new_table(2 * call.size[0] - 1, call.key_width)
            self.columns = new_table(2 * call.size[1] - 1, call.key_width)

    def forward(self, x: Tensor) -> Tensor:
        """Concatenate the convolution's channels and the attention's."""
        attended = self._attended(x)
        return attended if self.conv is None else torch.cat([self.conv(x), attended], dim=1)

    def _attended(self, x: Tensor) -> Tensor:
        size = (x.shape[2], x.shape[3])
        call = augmented_call(self.options, *self.channels, size, self.stride)
        qkv = self.to_qkv(self._read(x)).split([self.keys, self.keys, self.values], dim=1)
        q, k, v = (split_heads(part, self.options.heads) for part in qkv)
        relative = None
        if self.options.position == "relative":
            relative = global_relative(self.rows, self.columns, call.size)
        q = q * call.key_width**-0.5
        out: Tensor = self.to_out(merge_heads(self.attend(q, k, v, relative, call.geometry)))
        over = strided(size, self.stride)
        if call.size != over:
            out = functional.interpolate(out, size=over, mode="bilinear", align_corners=False)
        return out

    def _read(self, x: Tensor) -> Tensor:
        """What the projection reads of the layer's input."""
        options = self.options
        if options.downsample:
            x = halved(x)
        if self.thinned > 1:
            x = x[:, :, :: self.thinned, :: self.thinned]
        while 0 < options.max_map < max(x.shape[2:]):
            x = halved(x)
        read: Tensor = self.positions(x)
        return read


def halved(x: Tensor) -> Tensor:
    """The mean of the pixels there are in each 3 x 3 square, at every second position."""
    return functional.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
