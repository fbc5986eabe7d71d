"""From a plan to a module whose submodules have the paths of the closed-form cost."""

from collections import OrderedDict
from typing import NoReturn

from torch import Tensor, nn

from sabench.catalog.implementations import resolve
from sabench.catalog.layers import layers
from sabench.catalog.networks.plan import Classifier, MaxPool, PlacedStep, Plan, placed_steps
from sabench.layers.build import build_layer
from sabench.networks.blocks import ResidualBlock, Steps, activation_of, in_a_row


def build_network(plan: Plan, *, implementation: str = "reference") -> nn.Module:
    """The plan's network; its attention layers use `implementation`.

    Shapes: (B, 3, resolution, resolution) -> (B, classes).
    Raises: ConfigError if a step cannot be built or the implementation is not known.
    """
    steps = {
        place.path: _build_step(place, implementation)
        for place in placed_steps(plan)
        if not place.again
    }
    if isinstance(plan.head, Classifier):
        return ClassifierNetwork(plan, plan.head, steps)
    _unknown(plan.head)


class Trunk(nn.Module):
    """Stem, pool, groups of blocks."""

    def __init__(self, plan: Plan, steps: Steps) -> None:
        super().__init__()
        self.stem = in_a_row("stem", plan.stem, steps)
        self.pool = _max_pool(plan.pool)
        self.groups = tuple(f"group{number}" for number in range(1, len(plan.groups) + 1))
        for name, group in zip(self.groups, plan.groups, strict=True):
            blocks = (
                ResidualBlock(block, f"{name}.{index}", steps) for index, block in enumerate(group)
            )
            self.add_module(name, nn.Sequential(*blocks))

    def maps(self, x: Tensor) -> list[Tensor]:
        """The maps that the groups leave, the last of them last."""
        x = self.pool(self.stem(x))
        left = []
        for name in self.groups:
            x = getattr(self, name)(x)
            left.append(x)
        return left


class ClassifierNetwork(Trunk):
    """The trunk, then tail, global average pool, linear map."""

    def __init__(self, plan: Plan, head: Classifier, steps: Steps) -> None:
        super().__init__(plan, steps)
        self.tail = in_a_row("tail", head.tail, steps)
        self.classifier = nn.Linear(head.features, head.classes)

    def forward(self, x: Tensor) -> Tensor:
        """Class logits."""
        logits: Tensor = self.classifier(self.tail(self.maps(x)[-1]).mean((2, 3)))
        return logits


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
    parts = [("layer", layer)]
    if step.activation != "none":
        parts.append(("activation", activation_of(step.activation)))
    if step.norm != "none":
        parts.insert(1 if step.norm == "after" else 0, ("norm", nn.BatchNorm2d(step.norm_channels)))
    if step.norm == "before":
        parts.append(parts.pop(1))  # batch norm, activation, layer
    return nn.Sequential(OrderedDict(parts))


def _max_pool(pool: MaxPool | None) -> nn.Module:
    """Overlapping windows are centred, others start in the corner; no row of the map is lost."""
    if pool is None:
        return nn.Identity()
    if pool.window > pool.stride:
        return nn.MaxPool2d(pool.window, pool.stride, padding=pool.window // 2)
    return nn.MaxPool2d(pool.window, pool.stride, ceil_mode=True)


def _unknown(head: object) -> NoReturn:
    raise AssertionError(f"no module for {head!r}")
