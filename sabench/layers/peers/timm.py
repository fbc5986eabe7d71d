"""timm's halo and bottleneck attention with our weights."""

import importlib.util
import warnings
from pathlib import Path

import torch
from torch import nn

from sabench.layers.global_attention import GlobalAttention2d
from sabench.layers.halo import HaloAttention2d

TORCHVISION = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


def _let_torchvision_load() -> None:
    """timm imports torchvision. Its wheel on PyPI is built for CUDA and its library does not load
    beside a CPU build of torch; its Python part is content with two operators' schemas."""
    found = importlib.util.find_spec("torchvision")
    if found is None or found.origin is None:
        return
    try:
        torch.ops.load_library(next(Path(found.origin).parent.glob("_C*.so")))  # type: ignore[no-untyped-call]
    except (OSError, StopIteration):
        schemas = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
        for schema in TORCHVISION:
            schemas.define(schema)  # type: ignore[no-untyped-call]
        _kept.append(schemas)


_kept: list[torch.library.Library] = []  # what it defines goes with the object

_let_torchvision_load()
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from timm.layers.bottleneck_attn import BottleneckAttn
    from timm.layers.halo_attn import HaloAttn


def adapt(layer: HaloAttention2d | GlobalAttention2d) -> nn.Module:
    """The same function, (B, C_in, H, W) -> (B, C_out, H', W')."""
    return _halo(layer) if isinstance(layer, HaloAttention2d) else _global(layer)


def _halo(layer: HaloAttention2d) -> nn.Module:
    """timm multiplies q.k by d^-1/2, which the paper's equation does not: its keys get the inverse.

    Its k and v lie side by side in each head.
    """
    options, (keys, values) = layer.options, layer.widths
    width = keys // options.heads
    theirs: nn.Module = HaloAttn(
        layer.to_q.in_channels,
        values,
        stride=layer.geometry.query_stride,
        num_heads=options.heads,
        dim_head=width,
        block_size=options.block,
        halo_size=options.halo,
    )
    parts = layer.to_kv.weight.tensor_split([keys])
    k, v = (part.view(options.heads, -1, *part.shape[1:]) for part in parts)
    with torch.no_grad():
        theirs.get_parameter("q.weight").copy_(layer.to_q.weight)
        theirs.get_parameter("kv.weight").copy_(torch.cat([k * width**0.5, v], 1).flatten(0, 1))
        theirs.get_parameter("pos_embed.height_rel").copy_(layer.rows)
        theirs.get_parameter("pos_embed.width_rel").copy_(layer.columns)
    return theirs


def _global(layer: GlobalAttention2d) -> nn.Module:
    in_channels, out_channels = layer.channels
    sides = ((len(layer.rows) + 1) // 2, (len(layer.columns) + 1) // 2)
    theirs: nn.Module = BottleneckAttn(
        in_channels,
        out_channels,
        feat_size=sides,
        stride=layer.stride,
        num_heads=layer.options.heads,
        dim_head=out_channels // layer.options.heads,
        scale_pos_embed=True,
    )
    with torch.no_grad():
        theirs.get_parameter("qkv.weight").copy_(layer.to_qkv.weight)
        theirs.get_parameter("pos_embed.height_rel").copy_(layer.rows)
        theirs.get_parameter("pos_embed.width_rel").copy_(layer.columns)
    return theirs
