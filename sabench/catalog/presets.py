"""The presets of the protocol: how long, how often, how sure. Every value goes into the run."""

from typing import Literal

from pydantic import Field

from sabench.errors import ConfigError
from sabench.records import Frozen


class Preset(Frozen):
    """Constants of one job's measurement, and how many processes measure each case."""

    name: str
    evidence: str  # "smoke": a look, never gated or accepted; "process": one median a process
    processes: int = Field(ge=1)
    warmup_min_calls: int
    warmup_min_s: float
    warmup_max_s: float
    samples_min: int = Field(ge=10)
    samples_max: int
    half_width: float  # target half-width of the median's 95 % interval over the median
    budget_s: float  # measuring time per case and process
    deadline_s: float  # build + warm-up + measure, per case
    memory_apart: bool  # whether peak RSS gets a process of its own per case
    energy_windows: int = 0  # how many windows the energy is read over; 0: it is not
    energy_window_s: float = 2.0  # shortest window
    energy_idle_s: float = 0.0  # idle between two windows
    sampler: Literal["thread", "process"] = "thread"  # where the device is watched from
    sampler_period_s: float = 0.1


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


def find_preset(name: str) -> Preset:
    """The preset of that name.

    Raises: ConfigError with the names there are.
    """
    if name not in PRESETS:
        raise ConfigError(f"preset {name!r} is not known; there are {', '.join(PRESETS)}")
    return PRESETS[name]
