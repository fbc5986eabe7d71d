"""Which modules normalise."""

from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from sabench.train.scores.scored import UndefinedScoreError

BatchNorm = nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d | nn.SyncBatchNorm

OTHER_NORMS = (
    *(nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.LocalResponseNorm),
    *(nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d),
)


def batch_norms(module: nn.Module) -> Iterator[tuple[str, BatchNorm]]:
    """The module's batch norms by name."""
    for name, part in module.named_modules():
        if isinstance(part, BatchNorm):
            yield name, part


def refuse_single_values(norm: nn.Module, inputs: Any) -> None:
    """A hook before a batch norm that divides by the batch's variance.

    Raises: UndefinedScoreError where a channel has one value.
    """
    by_channel: Tensor = inputs[0].transpose(0, 1).flatten(1)  # (C, N H W)
    if by_channel.shape[1] < 2:
        raise UndefinedScoreError(
            "a batch norm gets one value a channel, which has no variance; "
            "give more images, or larger ones"
        )


def other_norms(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Its normalisations of one sample by itself, by name."""
    for name, part in module.named_modules():
        if isinstance(part, OTHER_NORMS):
            yield name, part
