"""From a plan to a module whose submodules have the paths of the closed-form cost."""

from collections import OrderedDict
from collections.abc import Mapping

from torch import Tensor, nn

from sabench.catalog.implementations import resolve
from sabench.catalog.layers import layers
from sabench.catalog.networks.plan import (
    Activation,
    Block,
    MaxPool,
    PlacedStep,
    Plan,
    Step,
    placed_steps,
)
from sabench.layers.build import build_layer

Steps = Mapping[str, nn.Module]
"""The built steps by path: "group1.0.slot"."""


def build_network(plan: Plan, *, implementation: str = "reference") -> nn.Module:
    """The plan's network; its attention layers use `implementation`.

    Shapes: (B, 3, resolution, resolution) -> (B, classes).
    Raises: ConfigError if a step cannot be built or the implementation is not known.
    """
    return PlannedNetwork(
        plan, {place.path: _build_step(place, implementation) for place in placed_steps(plan)}
    )


class PlannedNetwork(nn.Module):
    """Stem, pool, groups of blocks, tail, global average pool, classifier."""

    def __init__(self, plan: Plan, steps: Steps) -> None:
        super().__init__()
        self.stem = _in_a_row("stem", plan.stem, steps)
        self.pool = _max_pool(plan.pool)
        self.groups = tuple(f"group{number}" for number in range(1, len(plan.groups) + 1))
        for name, group in zip(self.groups, plan.groups, strict=True):
            blocks = (
                ResidualBlock(block, f"{name}.{index}", steps) for index, block in enumerate(group)
            )
            self.add_module(name, nn.Sequential(*blocks))
        self.tail = _in_a_row("tail", plan.tail, steps)
        self.classifier = nn.Linear(plan.features, plan.classes)

    def forward(self, x: Tensor) -> Tensor:
        """Class logits."""
        x = self.pool(self.stem(x))
        for name in self.groups:
            x = getattr(self, name)(x)
        logits: Tensor = self.classifier(self.tail(x).mean((2, 3)))
        return logits


class ResidualBlock(nn.Module):
    """Steps in a row, added to the shortcut, then an activation."""

    def __init__(self, block: Block, path: str, steps: Steps) -> None:
        super().__init__()
        self.names = tuple(step.name for step in block.steps)
        for name in self.names:
            self.add_module(name, steps[f"{path}.{name}"])
        kept = block.shortcut
        self.shortcut = steps[f"{path}.{kept.name}"] if kept else nn.Identity()
        self.activation = _activation(block.activation)

    def forward(self, x: Tensor) -> Tensor:
        """Keep what came in, add what the steps make of it."""
        y = x
        for name in self.names:
            y = getattr(self, name)(y)
        out: Tensor = self.activation(y + self.shortcut(x))
        return out


def _build_step(place: PlacedStep, implementation: str) -> nn.Module:
    step, row = place.step, layers()[place.step.layer]
    layer = build_layer(
        row,
        step.options,
        step.in_channels,
        step.out_channels,
        stride=step.stride,
        size=place.size,
        implementation=resolve(row, implementation),
    )
    parts = OrderedDict(layer=layer, norm=nn.BatchNorm2d(step.out_channels))
    if step.activation != "none":
        parts["activation"] = _activation(step.activation)
    return nn.Sequential(parts)


def _in_a_row(name: str, row: tuple[Step, ...], steps: Steps) -> nn.Sequential:
    return nn.Sequential(OrderedDict((step.name, steps[f"{name}.{step.name}"]) for step in row))


def _activation(name: Activation) -> nn.Module:
    """SiLU needs its input for the gradient: only ReLU may overwrite it."""
    modules = {"none": nn.Identity(), "relu": nn.ReLU(inplace=True), "silu": nn.SiLU()}
    return modules[name]


def _max_pool(pool: MaxPool) -> nn.Module:
    """Overlapping windows are centred, others start in the corner; no row of the map is lost."""
    if pool.window > pool.stride:
        return nn.MaxPool2d(pool.window, pool.stride, padding=pool.window // 2)
    return nn.MaxPool2d(pool.window, pool.stride, ceil_mode=True)
