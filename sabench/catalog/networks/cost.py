"""What a network costs, in closed form: the sum over its plan."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sabench.catalog.attention import AttentionCall, Counted, position_macs
from sabench.catalog.implementations import executed_macs, resolve
from sabench.catalog.layers import layers
from sabench.catalog.networks.plan import Classifier, PlacedStep, Plan, placed_steps
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

    Weights that steps share are the first one's.

    Raises: ConfigError if a layer of the plan has no closed form.
    """
    parts = [Part(place.path, place.step.layer, _step_cost(place)) for place in placed_steps(plan)]
    if isinstance(plan.head, Classifier):
        parts.append(Part(CLASSIFIER, "linear", _classifier_cost(plan.head)))
    return tuple(parts)


def network_cost(plan: Plan) -> Cost:
    """Parameters (batch norm's affine pair and the classifier's bias with them), MACs, bytes.

    Raises: ConfigError if a layer of the plan has no closed form.
    """
    return sum((part.cost for part in network_parts(plan)), start=Cost(0, 0, 0))


def network_macs_as(plan: Plan, positions: Counted) -> int:
    """`network_cost(plan).macs` with q.r of every attention layer counted in that way.

    Raises: ConfigError if a layer of the plan has no closed form.
    """
    macs = network_cost(plan).macs
    for call in attention_calls(plan):
        macs += position_macs(call, positions) - position_macs(call, "pairs")
    return macs


def attention_calls(plan: Plan) -> Iterator[AttentionCall]:
    """What the network's layers ask of `attend`, on one image."""
    for place in placed_steps(plan):
        step, attention = place.step, layers()[place.step.layer].attention
        if attention is not None:
            yield attention(
                step.options, step.in_channels, step.out_channels, place.size, step.stride
            )


def network_macs_executed(plan: Plan, implementation: str) -> int:
    """What the network multiplies when its attention layers use the implementation.

    Raises: ConfigError if a layer of the plan has no closed form.
    """
    macs = _classifier_cost(plan.head).macs if isinstance(plan.head, Classifier) else 0
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
    cost += Cost(2 * step.norm_channels, 0, 8 * step.norm_channels)
    return replace(cost, params=0, bytes=cost.bytes - 4 * cost.params) if place.again else cost


def _classifier_cost(head: Classifier) -> Cost:
    weights = head.features * head.classes
    params = weights + head.classes
    return Cost(params, weights, 4 * (head.features + head.classes + params))
