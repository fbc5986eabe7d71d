"""What a device has taught us: its ceilings, achieved rates, the time each case took; a file each.

It lies under $SABENCH_STATE, else $XDG_STATE_HOME/sabench, else ~/.local/state/sabench. It makes
predictions better and nothing depends on it: a file that is torn, foreign or absent is an empty
one, and a folder that cannot be written to is no error. Beside it lies how fast a CPU's cores were
seen to be (`Cores`): by that, too, blocks on a shared core are rejected. And beside it lies what
`auto` stands for there (`Choices`), where `sabench tune` found out: ids depend on that, so only
`tune` writes it.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import median
from typing import Annotated, Literal, Self, TypeVar

from pydantic import Field

from sabench.errors import ResultError
from sabench.jsonl import write_atomically
from sabench.records import Environment, Frozen
from sabench.stats import low_of

KEPT = 15  # latest figures of a key; their median counts
MOST_WALLS = 5_000
KEPT_RUNS = 40  # latest ones that read their cores
MAX_FILE_BYTES = 8 * 1024**2

Figure = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Rate(Frozen):
    """Work done over the time of a call: closed-form MACs, and the bytes of the cost model."""

    macs_per_s: Figure
    bytes_per_s: Figure


class Lesson(Frozen):
    """What one finished record teaches. `rate_key` names subject, implementation, dtype, ...

    `wall_key` names case, preset and part; a record without a latency has no rate.
    """

    rate_key: str = ""
    rate: Rate | None = None
    wall_key: str
    wall_s: Figure


class Chosen(Frozen):
    """An implementation, and the torch that it was the fastest with."""

    implementation: str
    torch: str = ""


class Known(Frozen):
    """The file's content: the latest figures of each key, the newest last."""

    schema_name: Literal["sabench.known"] = Field("sabench.known", alias="schema")
    schema_version: Literal["1.0"] = "1.0"
    device: str  # "cpu:AMD EPYC 9B45"
    rates: dict[str, tuple[Rate, ...]] = Field(default_factory=dict)
    walls_s: dict[str, tuple[Figure, ...]] = Field(default_factory=dict)
    ceilings: dict[str, tuple[Figure, ...]] = Field(default_factory=dict)  # a second

    def rate(self, key: str) -> Rate | None:
        """The median rate of a key."""
        rates = self.rates.get(key)
        if not rates:
            return None
        return Rate(
            macs_per_s=median(rate.macs_per_s for rate in rates),
            bytes_per_s=median(rate.bytes_per_s for rate in rates),
        )

    def wall_s(self, key: str) -> float | None:
        """The median seconds that a case took in one process."""
        walls = self.walls_s.get(key)
        return median(walls) if walls else None

    def ceiling(self, key: str) -> float | None:
        """The best of a key's latest rates: whatever held the others back was no bound."""
        return max(self.ceilings.get(key, ()), default=None)

    def raise_ceilings(self, rates: Mapping[str, float]) -> Self:
        """This with newer rates beside the earlier ones."""
        newer = {key: (*self.ceilings.get(key, ()), rate)[-KEPT:] for key, rate in rates.items()}
        return self.model_copy(update={"ceilings": self.ceilings | newer})

    def learn(self, lessons: Iterable[Lesson]) -> Self:
        """This with newer figures; the oldest ones make room."""
        rates, walls = dict(self.rates), dict(self.walls_s)
        for lesson in lessons:
            if lesson.rate is not None:
                rates[lesson.rate_key] = (*rates.get(lesson.rate_key, ()), lesson.rate)[-KEPT:]
            earlier = walls.pop(lesson.wall_key, ())
            walls[lesson.wall_key] = (*earlier, lesson.wall_s)[-KEPT:]
        latest = dict(list(walls.items())[-MOST_WALLS:])
        return self.model_copy(update={"rates": rates, "walls_s": latest})

    @property
    def sha256(self) -> str:
        """Hash of the content, the order of keys left out: a run records what it knew."""
        text = json.dumps(self.model_dump(mode="json", by_alias=True), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


class Choices(Frozen):
    """What `auto` stands for on a device by `sabench tune`, by the key of each setting."""

    schema_name: Literal["sabench.choices"] = Field("sabench.choices", alias="schema")
    schema_version: Literal["1.0"] = "1.0"
    device: str
    choices: dict[str, Chosen] = Field(default_factory=dict)


class Cores(Frozen):
    """The best readings of a CPU's cores (`measure.core_speed`), one of each run, the newest last.

    By what was timed: a build of Python, whose integers they are.
    """

    schema_name: Literal["sabench.cores"] = Field("sabench.cores", alias="schema")
    schema_version: Literal["1.0"] = "1.0"
    device: str
    bests: dict[str, tuple[Figure, ...]] = Field(default_factory=dict)

    def best(self, work: str) -> float:
        """Of a core that nothing shares, as one run in eight saw it; 0: not known."""
        found = self.bests.get(work)
        return low_of(found) if found else 0.0

    def learn(self, work: str, found: float) -> Self:
        """This with what a newer run saw."""
        newer = (*self.bests.get(work, ()), found)[-KEPT_RUNS:]
        return self.model_copy(update={"bests": self.bests | {work: newer}})


Kept = TypeVar("Kept", Known, Choices, Cores)


def load_known(environment: Environment) -> Known:
    """What is known about the environment's device; nothing at first."""
    return _load(known_file(environment), Known(device=_device(environment)))


def save_known(environment: Environment, known: Known) -> bool:
    """Write the file in one step; False where that is not allowed."""
    return _save(known_file(environment), known)


def load_choices(environment: Environment) -> Choices:
    """What was chosen on the environment's device; nothing at first."""
    return _load(choices_file(environment), Choices(device=_device(environment)))


def save_choices(environment: Environment, choices: Choices) -> bool:
    """Write the file in one step; False where that is not allowed."""
    return _save(choices_file(environment), choices)


def load_cores(environment: Environment) -> Cores:
    """What was seen of the cores of the environment's CPU; nothing at first."""
    return _load(cores_file(environment), Cores(device=_device(environment)))


def save_cores(environment: Environment, cores: Cores) -> bool:
    """Write the file in one step; False where that is not allowed."""
    return _save(cores_file(environment), cores)


def _load(path: Path | None, nothing: Kept) -> Kept:
    """The file's content, `nothing` where it is not there, torn or another device's."""
    try:
        if path is None or path.stat().st_size > MAX_FILE_BYTES:
            return nothing
        kept = type(nothing).model_validate_json(path.read_bytes())
    except (OSError, ValueError):
        return nothing
    return kept if kept.device == nothing.device else nothing


def _save(path: Path | None, kept: Known | Choices | Cores) -> bool:
    if path is None:
        return False
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, kept.model_dump_json(by_alias=True, indent=1) + "\n")
    except (OSError, ResultError):
        return False
    return True


def known_file(environment: Environment) -> Path | None:
    """The device's file; None where no folder of the user's is to be found."""
    folder = state_folder(os.environ)
    device = _device(environment)
    word = re.sub(r"[^a-z0-9]+", "-", device.lower()).strip("-")[:60]
    digest = hashlib.sha256(device.encode(errors="replace")).hexdigest()[:8]
    return folder / f"{word}-{digest}.json" if folder else None


def choices_file(environment: Environment) -> Path | None:
    """The device's file of choices, beside what is known of it."""
    path = known_file(environment)
    return path and path.with_name(f"{path.stem}.choices.json")


def cores_file(environment: Environment) -> Path | None:
    """The CPU's file of core speeds, beside what is known of it."""
    path = known_file(environment)
    return path and path.with_name(f"{path.stem}.cores.json")


def state_folder(variables: Mapping[str, str]) -> Path | None:
    """Where sabench keeps state between runs, by the XDG rules."""
    if variables.get("SABENCH_STATE"):
        return Path(variables["SABENCH_STATE"])
    base = Path(variables.get("XDG_STATE_HOME", ""))
    if base.is_absolute():  # the standard says to pass over a relative one
        return base / "sabench"
    try:
        return Path.home() / ".local" / "state" / "sabench"
    except RuntimeError:
        return None


def _device(environment: Environment) -> str:
    return f"{environment.device_kind}:{environment.device_name}"
