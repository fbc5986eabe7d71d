"""Which modules normalise."""

from collections.abc import Iterator

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


def by_channel_of(inputs: tuple[Tensor, ...], named: dict[str, Tensor]) -> Tensor:
    """What enters a batch norm that divides by the batch's variance, by channel: (C, N H W).

    Raises: UndefinedScoreError where a channel has one value.
    """
    entering = inputs[0] if inputs else named["input"]
    by_channel = entering.transpose(0, 1).flatten(1)
    if by_channel.shape[1] < 2:
        raise UndefinedScoreError(
            "a batch norm gets one value a channel, which has no variance; "
            "give more images, or larger ones"
        )
    return by_channel


def other_norms(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Its normalisations of one sample by itself, by name."""
    for name, part in module.named_modules():
        if isinstance(part, OTHER_NORMS):
            yield name, part
