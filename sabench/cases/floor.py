"""The least that a device must do for a case, whatever computes it, and how long that takes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sabench.cases.case import Case
from sabench.cases.cost import BYTES, case_cost, case_options, case_plan
from sabench.catalog.attention import AttentionCall, position_macs
from sabench.catalog.layers import layers
from sabench.catalog.networks.cost import network_cost, network_macs_as
from sabench.catalog.networks.plan import Plan, placed_steps
from sabench.catalog.rows import Cost

BOUNDS: dict[str, tuple[str, ...]] = {
    "bytes": ("copy",),
    "macs": ("matmul", "conv"),
    "exponentials": ("exp",),
}
"""What is counted, and the ceilings it is held against: the highest of them bounds it."""


@dataclass(frozen=True, slots=True)
class Work:
    """Of one call: bytes of maps and parameters, MACs, exponentials of the softmax."""

    bytes: int
    macs: int
    exponentials: int


@dataclass(frozen=True, slots=True)
class Bound:
    """An amount of work, the ceiling that limits it (amount a second) and the time it takes."""

    name: str
    amount: int
    ceiling: str
    rate: float

    @property
    def seconds(self) -> float:
        """No device with this ceiling is faster."""
        return self.amount / self.rate


def work_of(case: Case) -> Work | None:
    """What a case cannot avoid; None without a closed form.

    Every map goes in or out once a pass, a network's between its layers too; position logits are
    counted at their cheapest, a product of each query with the rows and columns of its keys. A
    backward pass does a forward pass's MACs twice, reads each parameter again and writes its
    gradient; its exponentials are those of the forward pass, kept.
    Raises: ConfigError if the subject is not known or cannot be built.
    """
    if case_cost(case) is None:
        return None
    if case.kind == "layer":
        found = _of_layer(case)
    else:
        plan = case_plan(case)
        macs = network_macs_as(plan, "axes")
        found = _Forward(network_cost(plan), macs, tuple(_calls_of(plan)))
    passes, moves = (1, 1) if case.mode == "forward" else (3, 2)
    maps = found.cost.bytes // 4 - found.cost.params  # it is of fp32
    exponentials = sum(call.heads * call.queries * call.keys for call in found.calls)
    return Work(
        bytes=BYTES[case.dtype] * moves * (case.batch * maps + found.cost.params),
        macs=passes * case.batch * found.macs,
        exponentials=case.batch * exponentials,
    )


def bounds(work: Work, ceilings: Mapping[str, float]) -> list[Bound]:
    """Each kind of work that there is, by the highest ceiling for it; the slowest first."""
    found = []
    for name, candidates in BOUNDS.items():
        amount = getattr(work, name)
        known = [one for one in candidates if one in ceilings]
        if amount and known:
            best = max(known, key=lambda one: ceilings[one])
            found.append(Bound(name, amount, best, ceilings[best]))
    return sorted(found, key=lambda bound: -bound.seconds)


@dataclass(frozen=True, slots=True)
class _Forward:
    """One image's forward pass: its cost, its MACs with cheap positions, its calls of `attend`."""

    cost: Cost
    macs: int
    calls: tuple[AttentionCall, ...]


def _of_layer(case: Case) -> _Forward:
    row, options, channels, side = (
        layers()[case.subject], case_options(case), case.channels or 0, case.size or 0
    )  # fmt: skip
    at = (options, channels, channels, (side, side), case.stride)
    assert row.cost is not None
    cost = row.cost(*at)
    if row.attention is None:
        return _Forward(cost, cost.macs, ())
    call = row.attention(*at)
    saved = position_macs(call, "pairs") - position_macs(call, "axes")
    return _Forward(cost, cost.macs - saved, (call,))


def _calls_of(plan: Plan) -> Iterator[AttentionCall]:
    for place in placed_steps(plan):
        step, attention = place.step, layers()[place.step.layer].attention
        if attention is not None:
            yield attention(
                step.options, step.in_channels, step.out_channels, place.size, step.stride
            )
