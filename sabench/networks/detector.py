"""One-stage detectors: a feature pyramid, and two towers that its levels share."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from sabench.catalog.networks.detector import BOX_TOWER, CLASS_TOWER, FPN, Detector
from sabench.catalog.networks.plan import Plan, Step
from sabench.layers.self_attention import SelfAttention2d
from sabench.networks.blocks import Steps, in_a_row
from sabench.networks.trunk import Trunk

VALUES_STD = 0.01
"""Of W_V in the towers (arXiv:1906.05909, section 4.2)."""


class DetectorNetwork(Trunk):
    """The trunk, the pyramid, then both towers on each level.

    Source: Lin et al. 2017 (arXiv:1708.02002), section 4.
    Shapes: (B, 3, H, W) -> class logits (B, A, classes) and box offsets (B, A, 4); A counts every
    anchor of every position of every level, the finest level first, then by row and column.
    """

    def __init__(self, plan: Plan, head: Detector, steps: Steps) -> None:
        super().__init__(plan, steps)
        self.levels, self.classes = len(head.laterals), head.classes
        self.fpn = FeaturePyramid(head, steps)
        self.class_tower = in_a_row(CLASS_TOWER, head.class_tower, steps)
        self.box_tower = in_a_row(BOX_TOWER, head.box_tower, steps)
        for tower in (self.class_tower, self.box_tower):
            _start_values_small(tower)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Class logits and box offsets."""
        levels = self.fpn(self.maps(x)[-self.levels :])
        logits = [_by_anchor(self.class_tower(level), self.classes) for level in levels]
        offsets = [_by_anchor(self.box_tower(level), 4) for level in levels]
        return torch.cat(logits, dim=1), torch.cat(offsets, dim=1)


class FeaturePyramid(nn.Module):
    """Maps of one width: from the coarsest down each is added to the next finer, then smoothed.

    Source: Lin et al. 2017 (arXiv:1612.03144), section 3; the coarser levels: arXiv:1708.02002,
    section 4, with a ReLU between them.
    Shapes: maps (B, C_i, H_i, W_i), the finest first -> (B, C, H_j, W_j), those and the coarser.
    """

    def __init__(self, head: Detector, steps: Steps) -> None:
        super().__init__()
        rows = (head.laterals, head.outputs, head.coarser)
        self.laterals, self.outputs, self.coarser = (self._take(row, steps) for row in rows)

    def _take(self, row: tuple[Step, ...], steps: Steps) -> tuple[str, ...]:
        for step in row:
            self.add_module(step.name, steps[f"{FPN}.{step.name}"])
        return tuple(step.name for step in row)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Merge from the top, smooth, go on below."""
        merged = [getattr(self, name)(x) for name, x in zip(self.laterals, maps, strict=True)]
        for finer in reversed(range(len(merged) - 1)):
            size = merged[finer].shape[2:]
            merged[finer] = merged[finer] + functional.interpolate(merged[finer + 1], size)
        levels = [getattr(self, name)(x) for name, x in zip(self.outputs, merged, strict=True)]
        for number, name in enumerate(self.coarser):
            x = levels[-1].relu() if number else levels[-1]
            levels.append(getattr(self, name)(x))
        return levels


def _by_anchor(x: Tensor, width: int) -> Tensor:
    """(B, anchors width, H, W) -> (B, H W anchors, width)."""
    return x.permute(0, 2, 3, 1).reshape(x.shape[0], -1, width)


def _start_values_small(tower: nn.Module) -> None:
    for part in tower.modules():
        if isinstance(part, SelfAttention2d):
            weight = part.to_qkv.weight
            nn.init.normal_(weight[-weight.shape[1] :], std=VALUES_STD)  # W_V is its last square
