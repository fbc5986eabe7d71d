"""What a case costs before it is measured: counts, traffic and memory, in closed form.

The counts are exact. Traffic and memory are estimates: they drop cases that cannot fit and
predict times for a dry run, and no record quotes them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sabench.cases.case import Case
from sabench.catalog.implementations import IMPLEMENTATIONS, executed_macs, resolve
from sabench.catalog.layers import layers
from sabench.catalog.networks import networks
from sabench.catalog.networks.cost import network_cost, network_macs_executed
from sabench.catalog.networks.plan import Plan, Step, placed_steps
from sabench.catalog.rows import Layer, Options, Size, strided
from sabench.errors import ConfigError

BYTES = {"fp32": 4, "tf32": 4, "bf16": 2, "fp16": 2}


@dataclass(frozen=True, slots=True)
class CaseCost:
    """Closed forms of one case.

    Units: `params`, `macs`, `macs_executed` of one image and one forward pass; `passes` is how
    often the mode does a forward pass's work; `bytes` (traffic) and `workspace_bytes` (peak
    memory with weights, gradients and optimizer state) of one call at the case's batch, dtype
    and mode.
    """

    params: int
    macs: int
    macs_executed: int
    passes: int
    bytes: int
    workspace_bytes: int


def case_options(case: Case) -> Options:
    """The options of a layer case: the row's defaults with what the case states.

    Raises: ConfigError if the layer is not known.
    """
    return _row(case).options(**case.options)


def case_plan(case: Case, *, classes: int | None = None) -> Plan:
    """The plan of a network case, as its c and r leave it; `classes` of the data it trains on.

    Raises: ConfigError if the network is not known, or cannot be built as the case states it.
    """
    if case.subject not in networks():
        raise ConfigError(f"{case.subject!r} is no network")
    network = networks()[case.subject]
    options, overrides = network.parse(case.options)
    if classes is not None:
        options = options.model_copy(update={"classes": classes})
    options, resolution = reduced(case, options, case.resolution or network.resolution)
    problem = network.problems(options, overrides, resolution)
    if problem:
        raise ConfigError(f"{case.subject}: {problem.text}")
    return network.plan(options, overrides, resolution)


def reduced(case: Case, options: Options, resolution: int) -> tuple[Options, int]:
    """A network's options and resolution after the case's c and r.

    Raises: ConfigError for a network without widths, or a resolution that r does not divide.
    """
    if resolution % case.r:
        raise ConfigError(f"r={case.r} does not divide resolution={resolution}")
    if case.c == 1:
        return options, resolution // case.r
    width = getattr(options, "width", None)
    if width is None:
        raise ConfigError(f"c={case.c}: {case.subject} has no width to divide")
    return options.model_copy(update={"width": width / case.c}), resolution // case.r


def case_cost(case: Case, *, classes: int | None = None) -> CaseCost | None:
    """Counts, traffic and memory of a case; None where a layer has no closed form.

    `classes`: that a network tells apart, where they are not its paper's.
    Raises: ConfigError if the subject is not known or cannot be built.
    """
    return _network_cost(case, classes) if case.kind == "network" else _layer_cost(case)


@dataclass(frozen=True, slots=True)
class _Part:
    """Elements of one image: maps in and out, norm's and activation's copies, `attend`'s own."""

    entry: int
    exit: int
    copies: int
    attend: int


def _layer_cost(case: Case) -> CaseCost | None:
    if case.file or _row(case).cost is None:
        return None
    row, options = _row(case), case_options(case)
    channels, side = case.channels or 0, case.size or 0
    size = (side, side)
    assert row.cost is not None
    cost = row.cost(options, channels, channels, size, case.stride)
    executed = executed_macs(
        row, options, channels, channels, size, case.stride, resolve(row, case.implementation)
    )
    step = Step("layer", case.subject, options, channels, channels, case.stride)
    part = _part(step, size, case.implementation, copies=0)
    return _case_cost(case, cost.params, cost.macs, executed, [part])


def _network_cost(case: Case, classes: int | None) -> CaseCost | None:
    plan = case_plan(case, classes=classes)
    if any(layers()[place.step.layer].cost is None for place in placed_steps(plan)):
        return None
    cost = network_cost(plan)
    executed = network_macs_executed(plan, case.implementation)
    parts = list(_network_parts(plan, case.implementation))
    return _case_cost(case, cost.params, cost.macs, executed, parts)


def _network_parts(plan: Plan, implementation: str) -> Iterator[_Part]:
    for place in placed_steps(plan):
        copies = (place.step.norm != "none") + (place.step.activation != "none")
        yield _part(place.step, place.size, implementation, copies=copies)


def _part(step: Step, size: Size, implementation: str, *, copies: int) -> _Part:
    row = layers()[step.layer]
    height, width = strided(size, step.stride)
    attend = 0
    if row.attention is not None:
        call = row.attention(step.options, step.in_channels, step.out_channels, size, step.stride)
        widths = call.key_width + call.content_width + call.value_width
        heads = call.heads * size[0] * size[1] * widths
        attend = heads + IMPLEMENTATIONS[resolve(row, implementation)].workspace(call)
    return _Part(
        entry=step.in_channels * size[0] * size[1],
        exit=step.out_channels * height * width,
        copies=copies,
        attend=attend,
    )


def _case_cost(case: Case, params: int, macs: int, executed: int, parts: list[_Part]) -> CaseCost:
    """Forward: each map once in, once out, each copy read and written, `attend`'s tensors both.

    Backward moves about twice that and keeps every map; a step adds an optimizer's two states.
    """
    backward = case.mode != "forward"
    passes = 3 if backward else 1
    moved = sum(part.entry + part.exit * (1 + 2 * part.copies) + 2 * part.attend for part in parts)
    kept = [part.exit * (1 + part.copies) + part.attend for part in parts]
    widest = max(part.entry + 2 * part.exit + part.attend for part in parts)
    alive = parts[0].entry + sum(kept) + widest if backward else parts[0].entry + widest
    states = {"forward": 1, "forward_backward": 2, "step": 4, "train": 4, "score": 4}[case.mode]
    element = BYTES[case.dtype]
    return CaseCost(
        params=params,
        macs=macs,
        macs_executed=executed,
        passes=passes,
        bytes=element * (case.batch * passes * moved + params * (2 * states - 1)),
        workspace_bytes=element * (case.batch * alive + states * params),
    )


def _row(case: Case) -> Layer:
    if case.subject not in layers():
        raise ConfigError(f"{case.subject!r} is no layer")
    return layers()[case.subject]
