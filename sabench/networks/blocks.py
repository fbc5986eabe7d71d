"""Residual blocks, and what they and the networks are put together from."""

from collections import OrderedDict
from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn import functional

from sabench.catalog.networks.plan import Activation, Block, Step
from sabench.layers.heads import pool

Steps = Mapping[str, nn.Module]
"""The built steps by path: "group1.0.slot"."""


class ResidualBlock(nn.Module):
    """Steps in a row, added to the shortcut, then an activation."""

    def __init__(self, block: Block, path: str, steps: Steps) -> None:
        super().__init__()
        self.names = tuple(step.name for step in block.steps)
        for name in self.names:
            self.add_module(name, steps[f"{path}.{name}"])
        self.shortcut = _shortcut(block, path, steps)
        self.activation = activation_of(block.activation)

    def forward(self, x: Tensor) -> Tensor:
        """Keep what came in, add what the steps make of it."""
        y = x
        for name in self.names:
            y = getattr(self, name)(y)
        if self.shortcut is not None:
            y = y + self.shortcut(x)
        out: Tensor = self.activation(y)
        return out


class PooledShortcut(nn.Module):
    """The mean of each stride x stride square, with zeros for the channels that are more.

    Shapes: (B, C_in, H, W) -> (B, C_out, ceil(H / stride), ceil(W / stride)).
    """

    def __init__(self, out_channels: int, stride: int) -> None:
        super().__init__()
        self.out_channels, self.stride = out_channels, stride

    def forward(self, x: Tensor) -> Tensor:
        """Average, then fill up."""
        return functional.pad(pool(x, self.stride), (0, 0, 0, 0, 0, self.out_channels - x.shape[1]))


def in_a_row(name: str, row: tuple[Step, ...], steps: Steps) -> nn.Sequential:
    """The row's built steps under their own names."""
    return nn.Sequential(OrderedDict((step.name, steps[f"{name}.{step.name}"]) for step in row))


def activation_of(name: Activation) -> nn.Module:
    """SiLU needs its input for the gradient: only ReLU may overwrite it."""
    modules = {"none": nn.Identity(), "relu": nn.ReLU(inplace=True), "silu": nn.SiLU()}
    return modules[name]


def _shortcut(block: Block, path: str, steps: Steps) -> nn.Module | None:
    kept = block.shortcut
    if isinstance(kept, Step):
        return steps[f"{path}.{kept.name}"]
    if kept == "pool":
        return PooledShortcut(block.steps[-1].out_channels, block.stride)
    return nn.Identity() if kept == "identity" else None
