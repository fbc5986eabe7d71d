"""The ways in which options change what a layer computes, for the contract tests of layers."""

from typing import NamedTuple

from sabench.catalog.implementations import IMPLEMENTATIONS
from sabench.catalog.layers import BUILT_IN
from sabench.catalog.rows import Layer, Options, Size

IN_CHANNELS, OUT_CHANNELS = 8, 16
OURS = tuple(name for name, row in IMPLEMENTATIONS.items() if not row.package)
ON_ANY_DEVICE = tuple(
    name for name in OURS if not (IMPLEMENTATIONS[name].device or IMPLEMENTATIONS[name].backward)
)
"""And with gradients."""

CHANGES: dict[str, tuple[dict[str, object], ...]] = {
    "conv": ({"bias": True}, {"window": 2}, {"window": 2, "groups": 2, "bias": True}),
    "squeeze_excite": ({"inner": 3},),
    "self_attention": ({"position": "absolute"}, {"position": "none"}, {"content": False}),
    "attention_stem": (
        {"mixtures": 1},
        {"block": 2, "mixtures": 1},
        {"values": "conv"},
        {"values": "conv", "block": 3},
    ),
    "augmented": (
        {"position": "sine"},
        {"position": "coordconv"},
        {"position": "none", "downsample": True},
        {"max_map": 3},
        {"max_map": 1, "position": "sine"},
        {"max_map": 2, "downsample": True, "position": "coordconv"},
        {"upsilon": 0.1, "min_head_values": 3},
    ),
    "halo": ({"position": "absolute"}, {"position": "none"}, {"rqk": 0.5}, {"rqk": 2, "rv": 2}),
    "global_attention": ({"position": "free"}, {"position": "none"}),
}

PLACES: tuple[tuple[Size, int], ...] = (((5, 6), 1), ((7, 5), 2), ((6, 4), 2))
"""Maps and strides: one that blocks divide in part, an odd one, one that patches tile."""


class Variant(NamedTuple):
    """A layer with one change of its small options, at one place."""

    row: Layer
    changes: tuple[tuple[str, object], ...]
    options: Options
    size: Size
    stride: int

    @property
    def channels(self) -> tuple[int, int]:
        """In and out."""
        return (OUT_CHANNELS if self.row.square else IN_CHANNELS), OUT_CHANNELS

    def __str__(self) -> str:
        changes = ",".join(f"{key}={value}" for key, value in self.changes)
        return f"{self.row.name}/{changes}/{self.size[0]}x{self.size[1]},stride={self.stride}"


def variants() -> list[Variant]:
    """Every change at every place where it can be built."""
    offered = [
        Variant(row, tuple(changes.items()), row.small.model_copy(update=changes), size, stride)
        for row in BUILT_IN
        for changes in CHANGES.get(row.name, ())
        for size, stride in PLACES
    ]
    return [
        one
        for one in offered
        if one.row.problems(one.options, *one.channels, one.size, one.stride) is None
    ]
