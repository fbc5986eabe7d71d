"""What `auto` stands for: per layer, precision and direction the implementation that was fastest.

What is shipped was measured on one machine of a kind (docs/kernels.md); `sabench tune` measures it
where you are, and what it finds comes first.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sabench.catalog.implementations import IMPLEMENTATIONS

FALLBACK = "blocked"
"""It runs anywhere, both ways, in every precision."""

CPU = {"halo, fp32, forward": "sdpa", "global_attention, fp32, forward": "sdpa"}
"""Where `blocked` was slower on one thread of an AMD EPYC (docs/kernels.md)."""

SHIPPED: dict[str, Mapping[str, str]] = {"cpu": CPU, "cuda": {}}
"""By kind of device. Nothing was measured on CUDA yet."""


class Setting(NamedTuple):
    """What a choice depends on."""

    layer: str
    is_half: bool  # computed in bf16 or fp16
    backward: bool  # gradients are computed too

    @property
    def key(self) -> str:
        """ "halo, fp32, forward"."""
        precision = "half" if self.is_half else "fp32"
        return (
            f"{self.layer}, {precision}, {'forward and backward' if self.backward else 'forward'}"
        )


class Table(NamedTuple):
    """Choices for a device, by `Setting.key`, where there are any, and whose they are."""

    device: str
    choice: Callable[[str], str | None]
    source: str


class Choice(NamedTuple):
    """An implementation, and why it was chosen; empty where it was asked for by name."""

    implementation: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Chooser:
    """Chooses one implementation for all devices of a run.

    `tables`: those of each device, what was measured there before what is shipped.
    """

    tables: Sequence[Sequence[Table]]

    def choose(self, setting: Setting) -> Choice:
        """The first device's choice that all of them can run."""
        told = [self._of_device(setting, tables) for tables in self.tables]
        for choice in told:
            alone = IMPLEMENTATIONS[choice.implementation].device
            if len({one.implementation for one in told}) == 1 or not alone:
                return choice
        return Choice(FALLBACK, f"{setting.key}: no choice of a device runs on all of them")

    def _of_device(self, setting: Setting, tables: Sequence[Table]) -> Choice:
        for table in tables:
            if (name := table.choice(setting.key)) in IMPLEMENTATIONS:  # of another version?
                return Choice(name, f"{setting.key}: the fastest on {table.device}, {table.source}")
        return Choice(FALLBACK, f"{setting.key}: nothing was measured on {tables[-1].device}")


def shipped(kind: str) -> Table:
    """What is shipped for a kind of device."""
    return Table(kind, SHIPPED.get(kind, {}).get, "as shipped")


def always(implementation: str) -> Chooser:
    """One that is chosen whatever the setting."""
    return Chooser(((Table("any device", lambda _key: implementation, "by name"),),))


ON_CPU = Chooser(((shipped("cpu"),),))
