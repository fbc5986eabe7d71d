"""The blocks of a gate: who measures when, and what each block told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from sabench.compare.pair import Effect, paired_effect
from sabench.records import MEASURED, Record

SideName = Literal["base", "candidate", "null"]
"""`null` is the base once more: what the gate would say if nothing had changed."""

Figures = dict[str, float]
"""A process's median of each case, in the metric's unit."""


class Bench(Protocol):
    """What measures: checkouts with their interpreters, commands, or a script in tests."""

    def measure(self, side: SideName, block: int, case_ids: Sequence[str]) -> list[Record]:
        """One process of one side: a record for each case, in whatever order.

        Raises: DeviceError if the device does not compute, Stop if the user asked to stop.
        """


@dataclass(frozen=True, slots=True)
class Block:
    """One process of each side, close in time. `figures` has the cases measured undisturbed.

    `cycles` has the same in cycles of the device's clock, where that was read.
    """

    number: int
    figures: Mapping[SideName, Figures]
    cycles: Mapping[SideName, Figures] = field(default_factory=dict)


@dataclass(slots=True)
class Stage:
    """The blocks of one stage. No verdict mixes two stages."""

    blocks: list[Block] = field(default_factory=list)

    def pairs(self, case_id: str, other: SideName = "candidate") -> list[tuple[float, float]]:
        """(base, other) of each block that has both."""
        return _pairs([block.figures for block in self.blocks], case_id, other)

    def effect(
        self, case_id: str, threshold: float, other: SideName = "candidate"
    ) -> Effect | None:
        """The change of a case by this stage's blocks; None without a block that tells it."""
        pairs = self.pairs(case_id, other)
        return paired_effect(pairs, threshold=threshold) if pairs else None

    def effect_in_cycles(self, case_id: str, threshold: float) -> Effect | None:
        """The same in cycles; None unless every block that tells the time tells them."""
        pairs = _pairs([block.cycles for block in self.blocks], case_id, "candidate")
        is_told = bool(pairs) and len(pairs) == len(self.pairs(case_id))
        return paired_effect(pairs, threshold=threshold) if is_told else None


def _pairs(
    found: Sequence[Mapping[SideName, Figures]], case_id: str, other: SideName
) -> list[tuple[float, float]]:
    both = ([sides.get(one, {}).get(case_id) for one in ("base", other)] for sides in found)
    return [(one, two) for one, two in both if one is not None and two is not None]


TURNS: tuple[tuple[SideName, ...], ...] = (
    ("base", "candidate", "null"),
    ("null", "candidate", "base"),
    ("base", "null", "candidate"),
    ("candidate", "null", "base"),
)
"""Who measures when, over four blocks: candidate and null take the same places, as often."""


def sides_in_order(number: int, *, flipped: bool, with_null: bool) -> tuple[SideName, ...]:
    """Who measures first in a block: base, candidate, candidate, base over two blocks.

    With the null control's process each block is followed by its mirror image, so that a steady
    drift cancels, and then candidate and null change places: whatever comes of standing between
    two, or behind the candidate, comes upon both.
    """
    if with_null:
        order = TURNS[number % len(TURNS)]
        return order[::-1] if flipped else order
    order = ("base", "candidate")
    return order[::-1] if (number % 2 == 1) is not flipped else order


def figures_of(records: Sequence[Record], metric: str) -> Figures:
    """The medians of the cases that were measured undisturbed and told the metric."""
    found: Figures = {}
    for record in records:
        reading = record.readings.get(metric)
        if record.status in MEASURED and reading is not None and reading.median:
            found[record.case_id] = reading.median
    return found
