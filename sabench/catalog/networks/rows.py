"""What a row of the table of networks is made of, and how its options are read and told."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from sabench.catalog.layers import layers
from sabench.catalog.networks.options import hint
from sabench.catalog.networks.parts import Overrides, Scalar
from sabench.catalog.networks.plan import Plan, Step, placed_steps
from sabench.catalog.rows import Layer, Options, Problem, stated
from sabench.errors import ConfigError

SMALL: Mapping[str, Scalar] = {"width": 0.25, "depth": 0.1, "classes": 5}
"""`Network.small` of a family with `NetworkOptions`: narrow, one block in most groups."""


@dataclass(frozen=True, slots=True)
class Network:
    """Stages as data with a slot for the layer.

    `plan` takes (options, overrides, resolution) and never fails: `problems` tells what cannot be
    built. `governs`: slot options that the network's own options set, "halo.block" -> "block".
    `small`: its form for the contract tests, in a suite's words: what a CPU trains in a second at
    48 px, with every kind of block once. A family without `width` and `depth` says its own.
    """

    name: str
    family: str
    title: str
    source: str
    year: int
    resolution: int
    options: type[Options]
    defaults: Options
    plan: Callable[[Any, Overrides, int], Plan]
    governs: Mapping[str, str] = field(default_factory=dict)
    small: Mapping[str, Scalar] = field(default_factory=dict)

    def parse(self, raw: Mapping[str, Scalar]) -> tuple[Options, Overrides]:
        """Options and overrides of a suite or command line; `LAYER.option` reaches every slot.

        Overrides come back in the order of the table and of declaration, whatever raw's.
        Raises: ConfigError that starts with the key, with the allowed values and nearest name.
        """
        own = {key: value for key, value in raw.items() if "." not in key}
        known = list(self.options.model_fields)
        for key in own:
            if key not in known:
                raise ConfigError(f"{key}: no option of {self.name}, {hint(key, known)}")
        options = _validated(self.options, self.defaults, own)
        grouped: dict[str, dict[str, Scalar]] = {}
        for key in (key for key in raw if key not in own):
            row, option = self._addressed(key)
            value = getattr(
                _validated(row.options, row.options(), {option: raw[key]}, f"{row.name}."), option
            )
            grouped.setdefault(row.name, {})[option] = value
        overrides = {
            row.name: _in_declared_order(row, grouped[row.name])
            for row in layers().values()
            if row.name in grouped
        }
        return options, overrides

    def stated(self, options: Options, overrides: Overrides) -> dict[str, Scalar]:
        """What a case and its id state: options off their defaults, overrides that do something."""
        values: dict[str, Scalar] = dict(stated(options, self.defaults))
        slots = _slots(self.plan(options, {}, self.resolution))
        for layer, updates in overrides.items():
            held = [step.options for step in slots if step.layer == layer]
            for key, value in updates.items():
                if not held or any(getattr(one, key) != value for one in held):
                    values[f"{layer}.{key}"] = value
        return values

    def held(self, options: Options) -> set[str]:
        """The layers that stand in its slots."""
        return {step.layer for step in _slots(self.plan(options, {}, self.resolution))}

    def problems(self, options: Options, overrides: Overrides, resolution: int) -> Problem | None:
        """The first reason why this cannot be built at this resolution, with the slot named."""
        plan = self.plan(options, overrides, resolution)
        held = {step.layer for step in _slots(plan)}
        for layer, updates in overrides.items():
            if layer not in held:
                key = f"{layer}.{next(iter(updates))}"
                return Problem(key, f"{key}: no slot of this {self.name} holds {layer}")
        for place in placed_steps(plan):
            step = place.step
            problem = layers()[step.layer].problems(
                step.options, step.in_channels, step.out_channels, place.size, step.stride
            )
            if problem:
                where = f"{place.path}, {step.layer} on {place.size[0]}x{place.size[1]}"
                return Problem(f"{step.layer}.{problem.key}", f"{where}: {problem.text}")
        return None

    def _addressed(self, key: str) -> tuple[Layer, str]:
        """The layer and the option that LAYER.option names."""
        name, _, option = key.partition(".")
        if name not in layers():
            raise ConfigError(f"{key}: {name!r} is no layer, {hint(name, list(layers()))}")
        row = layers()[name]
        known = list(row.options.model_fields)
        if option not in known:
            raise ConfigError(f"{key}: no option of {name}, {hint(option, known)}")
        if key in self.governs:
            raise ConfigError(f"{key}: {self.name} sets it through its option {self.governs[key]}")
        return row, option


def _in_declared_order(row: Layer, values: Mapping[str, Scalar]) -> dict[str, Scalar]:
    return {key: values[key] for key in row.options.model_fields if key in values}


def _slots(plan: Plan) -> list[Step]:
    return [place.step for place in placed_steps(plan) if place.step.slot]


def _validated(
    model: type[Options], base: Options, updates: Mapping[str, Scalar], prefix: str = ""
) -> Options:
    """`base` with checked updates; the first mistake becomes one line."""
    try:
        return model.model_validate(base.model_dump() | dict(updates))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = str(first["loc"][0])
        told = f"{prefix}{key}={updates.get(key)}: {first['msg']}{_bounds(model, key)}"
        raise ConfigError(told) from error


def _bounds(model: type[Options], key: str) -> str:
    """What a number may be, "; allowed: more than 0, at most 1"; nothing for what has no bounds."""
    words = {"gt": "more than", "ge": "at least", "lt": "less than", "le": "at most"}
    found = [
        f"{word} {getattr(one, name)}"
        for one in model.model_fields[key].metadata
        for name, word in words.items()
        if hasattr(one, name)
    ]
    return f"; allowed: {', '.join(found)}" if found else ""
