"""From a plan to a module whose submodules have the paths of the closed-form cost."""

from collections import OrderedDict
from typing import NoReturn

from torch import Tensor, nn

from sabench.catalog.implementations import resolve
from sabench.catalog.layers import layers
from sabench.catalog.networks.detector import Detector
from sabench.catalog.networks.plan import Classifier, PlacedStep, Plan, placed_steps
from sabench.layers.build import build_layer
from sabench.networks.blocks import Steps, activation_of, in_a_row
from sabench.networks.detector import DetectorNetwork
from sabench.networks.trunk import Trunk


def build_network(plan: Plan, *, implementation: str = "reference") -> nn.Module:
    """The plan's network; its attention layers use `implementation`.

    Shapes: (B, 3, resolution, resolution) -> (B, classes), or what the head's network gives.
    Raises: ConfigError if a step cannot be built or the implementation is not known.
    """
    steps = {
        place.path: _build_step(place, implementation)
        for place in placed_steps(plan)
        if not place.again
    }
    if isinstance(plan.head, Classifier):
        return ClassifierNetwork(plan, plan.head, steps)
    if isinstance(plan.head, Detector):
        return DetectorNetwork(plan, plan.head, steps)
    _unknown(plan.head)


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


def _unknown(head: object) -> NoReturn:
    raise AssertionError(f"no module for {head!r}")
