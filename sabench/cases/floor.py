"""The least that a device must do for a case, whatever computes it, and how long that takes."""

from collections.abc import Mapping
from dataclasses import dataclass

from sabench.cases.case import Case
from sabench.cases.cost import BYTES, case_cost, case_options, case_plan
from sabench.catalog.attention import Along, AttentionCall
from sabench.catalog.layers import layers
from sabench.catalog.networks.cost import attention_calls, network_cost, network_parts
from sabench.catalog.rows import Cost

BOUNDS: dict[str, tuple[str, ...]] = {
    "bytes": ("copy", "read"),
    "macs": ("matmul", "conv"),
    "exponentials": ("exp",),
}
"""What is counted, and the ceilings it is held against: the highest of them bounds it."""


@dataclass(frozen=True, slots=True)
class LeastWork:
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


def precision(case: Case) -> str:
    """What the case multiplies in."""
    return case.dtype if case.autocast == "none" else case.autocast


def least_work(case: Case) -> LeastWork | None:
    """What a case cannot avoid; None without a closed form.

    Every map goes in or out once a pass, a network's between its layers too, and every parameter
    is read once; a backward pass moves as much again, does the MACs of a forward pass twice (of a
    network's first layer once: the image needs no gradient) and takes no exponential anew.
    Attention as `_core` counts it. All at the precision that is multiplied in.
    Raises: ConfigError if the subject is not known or cannot be built.
    """
    if case_cost(case) is None:
        return None
    cost, calls, first = _forward(case)
    cores = [_core(call) for call in calls]
    macs = cost.macs - sum(call.macs for call in calls) + sum(core for core, _ in cores)
    backward = case.mode != "forward"
    maps = cost.bytes // 4 - cost.params  # it is of fp32
    return LeastWork(
        bytes=BYTES[precision(case)] * (2 if backward else 1) * (case.batch * maps + cost.params),
        macs=case.batch * (3 * macs - first if backward else macs),
        exponentials=case.batch * sum(exponentials for _, exponentials in cores),
    )


def bounds(work: LeastWork, ceilings: Mapping[str, float]) -> list[Bound]:
    """Each kind of work that there is, by the highest ceiling for it; the slowest first."""
    found = []
    for name, candidates in BOUNDS.items():
        amount = getattr(work, name)
        known = [one for one in candidates if one in ceilings]
        if amount and known:
            best = max(known, key=lambda one: ceilings[one])
            found.append(Bound(name, amount, best, ceilings[best]))
    return sorted(found, key=lambda bound: -bound.seconds)


def _forward(case: Case) -> tuple[Cost, list[AttentionCall], int]:
    """One image's forward pass: its cost, its calls of `attend`, the MACs of the layer that reads
    the image (0: the input is a map, whose gradient is handed on)."""
    if case.kind == "network":
        plan = case_plan(case)
        return network_cost(plan), [*attention_calls(plan)], network_parts(plan)[0].cost.macs
    row, channels, side = layers()[case.subject], case.channels or 0, case.size or 0
    at = (case_options(case), channels, channels, (side, side), case.stride)
    assert row.cost is not None
    return row.cost(*at), [row.attention(*at)] if row.attention else [], 0


def _core(call: AttentionCall) -> tuple[int, int]:
    """MACs and exponentials of `attend` on one image at their fewest.

    A key outside the map has no product; masked, it has no exponential either. Position logits
    are a product of each query with its keys' rows and columns, or with each key, if that is less.
    """
    down, across = Along.of(call, 0), Along.of(call, 1)
    seen = down.seen * across.seen
    logits, rows, columns = seen, down.seen * across.queries, across.seen * down.queries
    if call.geometry.border == "zeros":
        logits = call.queries * call.keys
        rows, columns = call.queries * down.keys, call.queries * across.keys
    half, width = call.key_width // 2, call.key_width
    by_axes = {
        "none": 0,
        "split": rows * half + columns * (width - half),
        "sum": (rows + columns) * width,
    }[call.relative]
    macs = seen * (call.content_width + call.value_width) + min(by_axes, logits * width)
    return call.heads * macs, call.heads * logits
