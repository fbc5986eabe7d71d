"""What other libraries' layers compute of ours, and at what cost: their own code, our weights.

A peer stands in where its function is the layer's to the last pixel, border included.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sabench.catalog.attention import AttentionCall, position_macs
from sabench.catalog.layers.global_attention import GLOBAL_ATTENTION
from sabench.catalog.layers.halo import HALO
from sabench.catalog.rows import Layer, Problem, Size

Refusal = Callable[[Layer, Any, int, int, Size, int], Problem | None]
"""(layer, options, in_channels, out_channels, size, stride) -> why it cannot be computed."""


def refused_by_timm(
    row: Layer, options: Any, in_channels: int, out_channels: int, size: Size, stride: int
) -> Problem | None:
    """timm has halo attention with zeros at the border and BoTNet's global attention.

    It thins queries by the stride as its authors say they are not sure of, and reads the kept
    ones' positions as if they were neighbours: no halo attention with a stride.
    """
    if row.target == HALO.target:
        return (
            _unlike(options.position == "relative", "position", options.position)
            or _unlike(options.border == "zeros" or options.halo == 0, "border", options.border)
            or _unlike(stride == 1, "stride", stride)
            or _undivided(options.block, size)
        )
    if row.target == GLOBAL_ATTENTION.target:
        halves = stride == 2 and not (size[0] % 2 or size[1] % 2)
        return _unlike(options.position == "relative", "position", options.position) or _unlike(
            stride == 1 or halves, "stride", stride
        )
    return Problem("implementation", f"there is no such layer as {row.name}")


def refused_by_lucidrains(
    row: Layer, options: Any, in_channels: int, out_channels: int, size: Size, stride: int
) -> Problem | None:
    """halonet-pytorch has halo attention that masks its border, of one width in and out."""
    if row.target != HALO.target:
        return Problem("implementation", f"there is no such layer as {row.name}")
    return (
        _unlike(options.position == "relative", "position", options.position)
        or _unlike(options.border == "mask", "border", options.border)
        or _unlike(options.halo > 0, "halo", options.halo)
        or _unlike(options.rqk == options.rv, "rqk", options.rqk)
        or _unlike(in_channels == out_channels, "channels", out_channels)
        or _unlike(stride == 1, "stride", stride)
        or _undivided(options.block, size)
    )


def timm_macs(call: AttentionCall) -> int:
    """Each query with each key of its block and with each row of both tables."""
    return replace(call, relative="none").macs + position_macs(call, "tables")


def lucidrains_macs(call: AttentionCall) -> int:
    """timm's; keys and values are projected after they were gathered, over again where blocks'
    neighbourhoods overlap."""
    channels = call.heads * call.value_width
    again = _gathered_pixels(call) - call.size[0] * call.size[1]
    return timm_macs(call) + again * channels * 2 * channels


def timm_workspace(call: AttentionCall) -> int:
    """Elements alive at its peak: gathered keys and values; product, position logits, their sum."""
    gathered = _gathered_pixels(call) * (call.key_width + call.value_width)
    return call.heads * (gathered + 3 * call.queries * call.keys)


def lucidrains_workspace(call: AttentionCall) -> int:
    """timm's, and the gathered input."""
    return timm_workspace(call) + call.heads * call.value_width * _gathered_pixels(call)


def _gathered_pixels(call: AttentionCall) -> int:
    """Keys of all blocks, over again where they overlap; blocks divide the map."""
    rows, columns = call.geometry.block
    return call.size[0] // rows * (call.size[1] // columns) * call.keys


def _unlike(is_theirs: bool, key: str, value: object) -> Problem | None:
    return None if is_theirs else Problem(key, f"its layer is another for {key}={value}")


def _undivided(block: int, size: Size) -> Problem | None:
    if size[0] % block or size[1] % block:
        return Problem("block", f"block={block} does not divide the map {size[0]}x{size[1]}")
    return None
