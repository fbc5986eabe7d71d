"""What `auto` stands for: per layer, precision, direction and map the implementation that was
fastest.

What is shipped was measured on one machine of a kind (docs/kernels.md); `sabench tune` measures it
where you are, and what it finds comes first.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sabench.catalog.implementations import IMPLEMENTATIONS
from sabench.catalog.rows import Kind, unmet
from sabench.catalog.runtimes import RUNTIMES

FALLBACK = "blocked"
"""It runs anywhere, both ways, in every precision."""

ANY = 0
"""As a map's side: whatever the size."""

PRECISIONS: Mapping[str, Kind] = {"tf32": "cuda"}
"""The precisions that one kind of device alone has."""


class Setting(NamedTuple):
    """What a choice depends on."""

    layer: str
    precision: str  # fp32, tf32 or half: bf16 and fp16, autocast too
    backward: bool  # gradients are computed too
    size: int = ANY  # side of the map, in pixels

    @property
    def kind(self) -> str:
        """ "halo, fp32, forward"."""
        direction = "forward and backward" if self.backward else "forward"
        return f"{self.layer}, {self.precision}, {direction}"

    @property
    def key(self) -> str:
        """ "halo, fp32, forward, 28 px"."""
        return f"{self.kind}, {self.size} px" if self.size else self.kind


class Table(NamedTuple):
    """Choices by `Setting.key`, where they were measured, and whose they are."""

    choices: Mapping[str, str]
    device: str
    source: str

    def choice(self, setting: Setting) -> "Choice | None":
        """That of the nearest size, one for any size if there is none."""
        name = self.choices.get(setting.kind)
        at = ""
        sizes = list(self._sizes(setting.kind))
        if sizes:
            size = min(sizes, key=lambda size: abs(math.log(size / (setting.size or size))))
            name, at = self.choices[setting._replace(size=size).key], f" at {size} px"
        if name is None or name not in IMPLEMENTATIONS or IMPLEMENTATIONS[name].package:
            return None  # of another version, or a peer's
        return Choice(name, f"{setting.kind}: the fastest{at} on {self.device}, {self.source}")

    def _sizes(self, kind: str) -> Iterable[int]:
        for key in self.choices:
            head, _, side = key.removesuffix(" px").rpartition(", ")
            if head == kind and side.isdecimal() and int(side):
                yield int(side)


class Choice(NamedTuple):
    """An implementation, and why it was chosen; empty where it was asked for by name."""

    implementation: str
    why: str = ""


class Device(NamedTuple):
    """A device of a run: its kind, and what was chosen for it, the best known first."""

    kind: str
    tables: Sequence[Table]

    def choice(self, setting: Setting) -> Choice | None:
        """What the first table says that says anything."""
        told = (table.choice(setting) for table in self.tables)
        return next((one for one in told if one is not None), None)


@dataclass(frozen=True, slots=True)
class Chooser:
    """Chooses one implementation for all devices of a run; `always`, if given, for any."""

    devices: Sequence[Device] = ()
    always: Choice | None = None

    def choose(self, setting: Setting) -> Choice:
        """The first device's choice that all of them can run: a case has one id on all."""
        if self.always:
            return self.always
        told = [one for one in (device.choice(setting) for device in self.devices) if one]
        for choice in told:
            if not any(self.missing(choice.implementation, backward=setting.backward)):
                return choice
        kinds = ", ".join(sorted({device.kind for device in self.devices}))
        nothing = "no choice runs on all of" if told else "no choice is kept for"
        return Choice(FALLBACK, f"{setting.key}: {nothing} {kinds}")

    def missing(
        self, implementation: str, *, backward: bool, dtype: str = "fp32", runtime: str = "eager"
    ) -> list[str]:
        """Of each device what is needed that it is not; empty where it can do it."""
        row, precision = IMPLEMENTATIONS[implementation], PRECISIONS.get(dtype, "")
        return [
            row.needs(device.kind, backward=backward)
            or unmet(f"dtype={dtype}", precision, device.kind)
            or RUNTIMES[runtime].needs(device.kind)
            for device in self.devices
        ]


ATTENDING = ("halo", "global_attention", "self_attention", "augmented", "attention_stem")
FORWARD = tuple(Setting(name, "fp32", backward=False) for name in ATTENDING[:2])
HALVES = tuple(Setting(name, "half", one) for name in ATTENDING for one in (False, True))

EPYC = Table({one.key: "sdpa" for one in (*FORWARD, *HALVES)}, "an AMD EPYC", "as shipped")
"""Where `blocked` was slower on one thread (docs/kernels.md)."""

SHIPPED: dict[str, tuple[Table, ...]] = {"cpu": (EPYC,), "cuda": ()}
"""By kind of device. Nothing was measured on CUDA yet."""


def shipped(kind: str) -> Device:
    """A device of which nothing is known but its kind."""
    return Device(kind, SHIPPED.get(kind, ()))


ON_CPU = Chooser((shipped("cpu"),))
