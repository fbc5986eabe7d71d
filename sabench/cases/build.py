"""One combination of a suite's values to the case it names, and the problem if there is one."""

from collections import Counter
from typing import Any, NamedTuple

from sabench.cases.case import DEFAULT_CHANNELS, DEFAULT_SIZE, REDUCTIONS, Case, Scalar
from sabench.cases.keys import find_row
from sabench.cases.model import Entry
from sabench.cases.window import match_window
from sabench.catalog.choices import ANY, FALLBACK, ON_CPU, Choice, Chooser, Setting
from sabench.catalog.implementations import IMPLEMENTATIONS
from sabench.catalog.layers import layers
from sabench.catalog.networks.plan import Plan, placed_steps
from sabench.catalog.networks.rows import Network
from sabench.catalog.rows import Layer, Problem, Size, stated

Values = dict[str, Scalar]
"""The chosen value of each swept key: shared axes and options."""

COMMON = ("stride", "batch", "threads", "layout", "autocast", "dtype", "mode", "runtime")
MAP = ("channels", "size", "resolution")
NOT_OPTIONS = {*COMMON, *MAP, "implementation", "data", *REDUCTIONS}
HALF = ("bf16", "fp16")


class Built(NamedTuple):
    """A case, and the problem: then it only names what cannot be measured.

    `auto`: why `auto` stands for the case's implementation; empty where it was not asked for.
    """

    case: Case
    problem: Problem | None
    auto: str = ""


def build_case(
    entry: Entry,
    values: Values,
    *,
    matched: bool,
    chooser: Chooser = ON_CPU,
    trains: bool = False,
) -> Built:
    """The case of a combination, `auto` resolved: what was chosen, else what runs anywhere.

    `trains`: gradients are wanted, whatever its mode.
    """
    built = _build(entry, values, chooser, matched=matched, trains=trains)
    if built.auto and built.problem:
        other = _build(
            entry, values, instead_of(built, built.problem), matched=matched, trains=trains
        )
        return built if other.problem else other
    return built


def instead_of(built: Built, problem: Problem) -> Chooser:
    """One that knows of nothing but the fallback: what was chosen has a problem with this case."""
    why = f"{FALLBACK}, for {built.case.implementation} cannot: {problem.text} ({built.auto})"
    return Chooser(always=Choice(FALLBACK, why))


def _build(entry: Entry, values: Values, chooser: Chooser, *, matched: bool, trains: bool) -> Built:
    if entry.file:
        return Built(_own_case(entry, values), _clash(values))
    row = find_row(entry.kind, entry.subject)
    if isinstance(row, Network):
        return _network_case(row, values, chooser, trains=trains)
    return _layer_case(row, values, chooser, matched=matched, trains=trains)


def _implementation(
    layer: Layer, size: int, values: Values, chooser: Chooser, *, trains: bool
) -> Choice:
    """What is asked for; a layer that never calls `attend` has its own alone."""
    wanted = str(values.get("implementation", "auto"))
    if layer.attention is None:
        return Choice("reference")
    if wanted != "auto":
        return Choice(wanted)
    precision = _precision(values.get("dtype", "fp32"), values.get("autocast", "none"))
    backward = trains or values.get("mode", "forward") != "forward"
    return chooser.choose(Setting(layer.name, precision, backward, size))


def setting_of(case: Case) -> Setting:
    """What the choice of a layer's case depends on."""
    precision = _precision(case.dtype, case.autocast)
    return Setting(case.subject, precision, case.mode != "forward", case.size or ANY)


def missing_of(case: Case, chooser: Chooser) -> list[str]:
    """Of each device of a run what the case needs that it is not; empty where it can do it."""
    return chooser.missing(
        case.implementation,
        backward=case.mode != "forward",
        dtype=case.dtype,
        runtime=case.runtime,
    )


def _precision(dtype: Scalar, autocast: Scalar) -> str:
    return "half" if dtype in HALF or autocast in HALF else str(dtype)


def _own_case(entry: Entry, values: Values) -> Case:
    """A layer of the user's own: no options, one implementation."""
    return Case.model_validate(
        {"kind": "layer", "subject": entry.subject, "file": entry.file}
        | _map(values)
        | _common(values)
    )


def _layer_case(
    row: Layer, values: Values, chooser: Chooser, *, matched: bool, trains: bool
) -> Built:
    names = [key for key in row.options.model_fields if key in values]
    if matched and row.at_window:
        names = [key for key in names if key != "window"]  # the shared axis, not the option
    options = row.options.model_validate({key: values[key] for key in names})
    head: dict[str, Any] = {"kind": "layer", "subject": row.name} | _map(values) | _common(values)
    choice = _implementation(row, int(head["size"]), values, chooser, trains=trains)
    head["implementation"] = choice.implementation
    problem = None
    if matched:
        window = values.get("window") if row.at_window else None
        found = match_window(row, options, window if isinstance(window, int) else None, names)
        if isinstance(found, Problem):
            problem = found
            head["options"] = dict(stated(options, row.options())) | {"window": window or 0}
        else:
            options, head["window"] = found
    head.setdefault("options", stated(options, row.options()))
    case = Case.model_validate(head)
    if problem is None:
        channels, size = case.channels or 0, case.size or 0
        at = (options, channels, channels, (size, size), case.stride)
        problem = row.problems(*at) or _unserved(row, case, *at)
    if problem is None and case.runtime == "folded":
        problem = Problem("runtime", f"runtime=folded: {row.name} has no batch norm; use eager")
    return Built(case, problem or _clash(values), choice.why)


def _network_case(row: Network, values: Values, chooser: Chooser, *, trains: bool) -> Built:
    raw = {key: value for key, value in values.items() if key not in NOT_OPTIONS}
    options, overrides = row.parse(raw)
    resolution = int(values.get("resolution", row.resolution))
    plan = row.plan(options, overrides, resolution)
    choice = Choice("reference")
    if judge := _judge(plan):
        choice = _implementation(*judge, values, chooser, trains=trains)
    case = Case.model_validate(
        {
            "kind": "network",
            "subject": row.name,
            "resolution": resolution,
            "options": row.stated(options, overrides),
            "implementation": choice.implementation,
        }
        | _common(values)
    )
    problem = row.problems(options, overrides, resolution) or _clash(values)
    for place in placed_steps(plan):
        step = place.step
        at = (step.options, step.in_channels, step.out_channels, place.size, step.stride)
        problem = problem or _unserved(layers()[step.layer], case, *at)
    return Built(case, problem, choice.why)


def _judge(plan: Plan) -> tuple[Layer, int] | None:
    """The layer that multiplies most in its attention, and the map where it does so most."""
    macs: Counter[tuple[str, int]] = Counter()
    for place in placed_steps(plan):
        step, row = place.step, layers()[place.step.layer]
        if row.attention is not None:
            at = (step.options, step.in_channels, step.out_channels, place.size, step.stride)
            if row.problems(*at) is None:
                macs[step.layer, max(place.size)] += row.attention(*at).macs
    if not macs:
        return None
    of_layer: Counter[str] = Counter()
    for (name, _), count in macs.items():
        of_layer[name] += count
    first = max(of_layer, key=of_layer.__getitem__)
    size = max((size for name, size in macs if name == first), key=lambda one: macs[first, one])
    return layers()[first], size


def _map(values: Values) -> dict[str, Scalar]:
    channels, size = values.get("channels", DEFAULT_CHANNELS), values.get("size", DEFAULT_SIZE)
    return {"channels": channels, "size": size}


def _common(values: Values) -> dict[str, Scalar]:
    return {key: values[key] for key in COMMON if key in values}


def _clash(values: Values) -> Problem | None:
    """Shared values that exclude each other."""
    autocast, dtype = values.get("autocast", "none"), values.get("dtype", "fp32")
    if autocast != "none" and dtype != "fp32":
        return Problem(
            "autocast", f"autocast={autocast} casts from fp32 and not from dtype={dtype}"
        )
    mode = values.get("mode", "forward")
    if values.get("runtime") == "folded" and mode != "forward":
        return Problem(
            "runtime", f"runtime=folded folds batch norms, which in mode={mode} are the batch's"
        )
    return None


def _unserved(
    row: Layer,
    case: Case,
    options: Any,
    in_channels: int,
    out_channels: int,
    size: Size,
    stride: int,
) -> Problem | None:
    """Why the case's implementation cannot compute one of its layers."""
    if not row.attention:
        return None
    chosen = IMPLEMENTATIONS[case.implementation]
    return chosen.problem(row, options, in_channels, out_channels, size, stride)
