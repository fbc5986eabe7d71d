"""Which modules normalise."""

from collections.abc import Iterator

from torch import nn

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


def other_norms(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Its normalisations of one sample by itself, by name."""
    for name, part in module.named_modules():
        if isinstance(part, OTHER_NORMS):
            yield name, part
