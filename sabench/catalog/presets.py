"""The presets of the protocol: how long, how often, how sure. Every value goes into the run."""

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import ConfigDict, Field, ValidationError, model_validator

from sabench.errors import ConfigError
from sabench.records import Frozen

SLOW_CORE = 1.25
"""Times the best reading of a CPU core: then something shares it. What it rests on stands in
docs/measurement.md."""

LONGEST_S = 1e6
"""Eleven days: no constant in seconds is more."""


class Preset(Frozen):
    """Constants of one job's measurement, and how many processes measure each case."""

    model_config = ConfigDict(allow_inf_nan=False)

    name: str  # an altered one says how: "standard+half_width=0.02"
    evidence: str  # "smoke": a look, never gated or accepted; "process", "seeds": what one is
    processes: int = Field(ge=1, le=1000)
    warmup_min_calls: int = Field(ge=1, le=1_000_000)
    warmup_min_s: float = Field(ge=0, le=LONGEST_S)
    warmup_max_s: float = Field(gt=0, le=LONGEST_S)
    samples_min: int = Field(ge=10)
    samples_max: int = Field(le=10_000_000)
    half_width: float = Field(gt=0, lt=1)  # of the median's 95 % interval, over the median
    budget_s: float = Field(gt=0, le=LONGEST_S)  # measuring time per case and process
    deadline_s: float = Field(gt=0, le=LONGEST_S)  # build + warm-up + measure, per case
    memory_apart: bool  # whether peak RSS gets a process of its own per case
    energy_windows: int = Field(0, ge=0, le=1000)  # that the energy is read over; 0: it is not
    energy_window_s: float = Field(2.0, gt=0, le=LONGEST_S)  # shortest window
    energy_idle_s: float = Field(0.0, ge=0, le=LONGEST_S)  # idle between two windows
    sampler: Literal["thread", "process"] = "thread"  # where the device is watched from
    sampler_period_s: float = Field(0.1, gt=0, le=LONGEST_S)
    slow_core: float = Field(0.0, ge=0, le=1000)  # times a core's best reading; 0: none is taken

    @model_validator(mode="after")
    def _least_before_most(self) -> Self:
        for least, most in (
            ("samples_min", "samples_max"),
            ("warmup_min_s", "warmup_max_s"),
            ("budget_s", "deadline_s"),
        ):
            if getattr(self, least) > getattr(self, most):
                raise ValueError(
                    f"{least}={getattr(self, least):g} is more than {most}={getattr(self, most):g}"
                )
        if 0 < self.slow_core <= 1:
            raise ValueError(f"slow_core={self.slow_core:g} is neither 0 nor above 1")
        return self

    def measures_as(self, other: "Preset") -> bool:
        """Whether figures of the two mean the same. One that reads no core, as those of earlier
        versions, differs from its like in what it rejects, not in what it measures."""
        limits = {self.slow_core, other.slow_core}
        if self.base != other.base or (len(limits) > 1 and 0.0 not in limits):
            return False
        like = {"slow_core": other.slow_core, "name": other.name}
        return self.model_copy(update=like) == other

    def unlike(self, other: "Preset") -> str:
        """Its name, and the constants in which it is not as the other."""
        differs = {
            key: getattr(self, key)
            for key in type(self).model_fields
            if key not in ("name", "slow_core") and getattr(self, key) != getattr(other, key)
        }
        return f"{self.name} ({_written(differs)})"

    @property
    def base(self) -> str:
        """The name of the preset that this one is, altered or not."""
        return self.name.partition("+")[0]

    @property
    def is_altered(self) -> bool:
        """Whether constants were set apart from the preset's own."""
        return "+" in self.name

    def alter(self, constants: Mapping[str, str]) -> Self:
        """This preset with other constants, and a name that says which.

        Raises: ConfigError for a constant there is not, or a value it cannot have.
        """
        allowed = [name for name in type(self).model_fields if name not in ("name", "evidence")]
        for key in constants:
            if key not in allowed:
                raise ConfigError(f"--set {key}: no such constant; there are {', '.join(allowed)}")
        try:
            changed = type(self).model_validate(self.model_dump() | dict(constants))
        except ValidationError as error:
            first = error.errors()[0]
            key = str(first["loc"][0]) if first["loc"] else ""
            asked = f"{key}={constants[key]}" if key in constants else _written(constants)
            reason = first["msg"].removeprefix("Value error, ")
            raise ConfigError(f"--set {asked}: {reason[0].lower() + reason[1:]}") from error
        differs = {
            key: getattr(changed, key)
            for key in allowed
            if getattr(changed, key) != getattr(self, key)
        }
        if not differs:
            return self
        return changed.model_copy(update={"name": f"{self.name}+{_written(differs)}"})


def _written(constants: Mapping[str, object]) -> str:
    return ",".join(f"{key}={value}" for key, value in constants.items())


def parse_constants(settings: list[str]) -> dict[str, str]:
    """'half_width=0.02', ... to a table.

    Raises: ConfigError for a word that is no KEY=VALUE, or a key named twice.
    """
    found: dict[str, str] = {}
    for setting in settings:
        key, equals, value = (part.strip() for part in setting.partition("="))
        if not (key and equals and value):
            raise ConfigError(f"--set {setting}: write KEY=VALUE, for example half_width=0.02")
        if key in found:
            raise ConfigError(f"--set {key}: given twice")
        found[key] = value
    return found


PRESETS: dict[str, Preset] = {
    row.name: row
    for row in (
        Preset(
            name="quick",
            evidence="smoke",
            processes=1,
            warmup_min_calls=3,
            warmup_min_s=0.2,
            warmup_max_s=2.0,
            samples_min=10,
            samples_max=200,
            half_width=0.03,
            budget_s=1.0,
            deadline_s=60.0,
            memory_apart=False,
            slow_core=SLOW_CORE,
        ),
        Preset(
            name="standard",
            evidence="process",
            processes=5,
            warmup_min_calls=10,
            warmup_min_s=1.0,
            warmup_max_s=5.0,
            samples_min=30,
            samples_max=2000,
            half_width=0.01,
            budget_s=10.0,
            deadline_s=180.0,
            memory_apart=True,
            energy_windows=3,
            slow_core=SLOW_CORE,
        ),
        Preset(
            name="strict",
            evidence="process",
            processes=10,
            warmup_min_calls=10,
            warmup_min_s=3.0,
            warmup_max_s=10.0,
            samples_min=50,
            samples_max=10_000,
            half_width=0.005,
            budget_s=30.0,
            deadline_s=600.0,
            memory_apart=True,
            energy_windows=5,
            energy_window_s=5.0,
            energy_idle_s=5.0,
            sampler="process",
            slow_core=SLOW_CORE,
        ),
        Preset(
            name="gate",
            evidence="process",
            processes=4,
            warmup_min_calls=3,
            warmup_min_s=0.3,
            warmup_max_s=2.0,
            samples_min=30,
            samples_max=1000,
            half_width=0.01,
            budget_s=1.0,
            deadline_s=60.0,
            memory_apart=False,
        ),
    )
}


def _trained(base: str, *, seeds: int, hours: float) -> Preset:
    """What a training takes of a preset: a process a seed, and hours in place of seconds."""
    own = {
        "evidence": "seeds",
        "processes": seeds,
        "deadline_s": 3600.0 * hours,
        "memory_apart": False,
        "slow_core": 0.0,
    }
    return PRESETS[base].model_copy(update=own)


TRAINING_PRESETS: dict[str, Preset] = {
    row.name: row
    for row in (
        _trained("quick", seeds=3, hours=1),
        _trained("standard", seeds=5, hours=12),
        _trained("strict", seeds=10, hours=72),
    )
}


def find_preset(name: str, presets: Mapping[str, Preset] = PRESETS) -> Preset:
    """The preset of that name.

    Raises: ConfigError with the names there are.
    """
    if name not in presets:
        raise ConfigError(f"preset {name!r} is not known; there are {', '.join(presets)}")
    return presets[name]
