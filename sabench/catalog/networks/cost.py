"""What a network costs, in closed form: the sum over its plan."""

from dataclasses import dataclass

from sabench.catalog.implementations import executed_macs, resolve
from sabench.catalog.layers import layers
from sabench.catalog.networks.plan import PlacedStep, Plan, placed_steps
from sabench.catalog.rows import Cost
from sabench.errors import ConfigError

CLASSIFIER = "classifier"


@dataclass(frozen=True, slots=True)
class Part:
    """One step's share (batch norm included), under the path it has in the module."""

    path: str
    layer: str
    cost: Cost


def network_parts(plan: Plan) -> tuple[Part, ...]:
    """Every step's cost and the classifier's, in the order of the data's way.

    Raises: ConfigError if a layer of the plan has no closed form.
    """
    parts = [Part(place.path, place.step.layer, _step_cost(place)) for place in placed_steps(plan)]
    weights = plan.features * plan.classes
    params = weights + plan.classes
    classifier = Cost(params, weights, 4 * (plan.features + plan.classes + params))
    return (*parts, Part(CLASSIFIER, "linear", classifier))


def network_cost(plan: Plan) -> Cost:
    """Parameters (batch norm's affine pair and the classifier's bias with them), MACs, bytes.

    Raises: ConfigError if a layer of the plan has no closed form.
    """
    return sum((part.cost for part in network_parts(plan)), start=Cost(0, 0, 0))


def network_macs_executed(plan: Plan, implementation: str) -> int:
    """What the network multiplies when its attention layers use the implementation.

    Raises: ConfigError if a layer of the plan has no closed form.
    """
    macs = plan.features * plan.classes
    for place in placed_steps(plan):
        step, row = place.step, layers()[place.step.layer]
        macs += executed_macs(
            row,
            step.options,
            step.in_channels,
            step.out_channels,
            place.size,
            step.stride,
            resolve(row, implementation),
        )
    return macs


def _step_cost(place: PlacedStep) -> Cost:
    step, row = place.step, layers()[place.step.layer]
    if row.cost is None:
        raise ConfigError(f"{place.path}: {row.name} has no closed form")
    cost = row.cost(step.options, step.in_channels, step.out_channels, place.size, step.stride)
    return cost + Cost(2 * step.out_channels, 0, 8 * step.out_channels)
