"""halonet-pytorch's halo attention with our weights."""

import torch
from halonet_pytorch import HaloAttention
from torch import Tensor, nn

from sabench.layers.halo import HaloAttention2d


def adapt(layer: HaloAttention2d) -> nn.Module:
    """The same function, (B, C, H, W) -> (B, C, H, W).

    It multiplies q by d^-1/2 before both logits, which the paper's equation does not: its
    projection of q gets the inverse. Its output projection, which the paper has outside of the
    layer, is left out.
    """
    options, channels = layer.options, layer.to_q.in_channels
    width = layer.to_q.out_channels // options.heads
    theirs: nn.Module = HaloAttention(
        dim=channels,
        block_size=options.block,
        halo_size=options.halo,
        dim_head=width,
        heads=options.heads,
    )
    theirs.to_out = nn.Identity()
    with torch.no_grad():
        theirs.get_parameter("to_q.weight").copy_(_matrix(layer.to_q) * width**0.5)
        theirs.get_parameter("to_kv.weight").copy_(_matrix(layer.to_kv))
        theirs.get_parameter("rel_pos_emb.rel_height").copy_(layer.rows)
        theirs.get_parameter("rel_pos_emb.rel_width").copy_(layer.columns)
    return theirs


def _matrix(projection: nn.Conv2d) -> Tensor:
    """A 1 x 1 convolution's weights, (C_out, C_in)."""
    return projection.weight.flatten(1)
