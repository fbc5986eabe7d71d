"""The blocks of a gate: who measures when, and what each block told."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from sabench.compare.pair import Effect, paired_effect
from sabench.records import MEASURED, Record

SideName = Literal["base", "candidate", "null"]
"""`null` is the base once more: what the gate would say if nothing had changed."""

Figures = dict[str, float]
"""A process's median of each case, in the metric's unit."""


SideTurns = Sequence[float | None]
"""A process's median in each turn, where it took any; None: other work ran in all of it."""

Turns = Mapping[str, SideTurns]
"""The same of each case."""

LEAST_TURNS = 0.5  # a share: a pair of which fewer are undisturbed on both sides is none


class Bench(Protocol):
    """What measures: checkouts with their interpreters, commands, or a script in tests."""

    def measure(
        self, sides: Sequence[SideName], block: int, case_ids: Sequence[str]
    ) -> Mapping[SideName, list[Record]]:
        """One process of each side, in that order or in turns: records in whatever order.

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
    turns: Mapping[SideName, Turns] = field(default_factory=dict)

    def pair(self, case_id: str, other: SideName) -> tuple[float, float] | None:
        """(base, other); None unless both were measured undisturbed.

        Of sides that took turns `other` is the base's figure times the ratio of the turns: what
        slowed the machine for a while is in both figures of a turn. As many turns as there are
        sides are one ratio, so that each has stood in each place; the median of those counts.
        """
        sides: tuple[SideName, SideName] = ("base", other)
        base, new = (self.figures.get(side, {}).get(case_id) for side in sides)
        if base is None or new is None:
            return None
        old, late = (self._turns_of(side, case_id) for side in sides)
        if not old and not late:
            return base, new
        rounds = min(len(old), len(late)) // len(self.turns)
        ratios = list(filter(None, (self._ratio(old, late, turn) for turn in range(rounds))))
        if not ratios or len(ratios) < LEAST_TURNS * rounds:
            return None
        return base, base * geometric_median(ratios)

    def _ratio(self, old: SideTurns, late: SideTurns, place: int) -> float | None:
        """Geometric mean over as many turns as there are sides; None if one of them is missing."""
        size = len(self.turns)
        pairs = zip(old[place * size : (place + 1) * size], late[place * size :], strict=False)
        ratios = [two / one for one, two in pairs if one and two]
        return statistics.geometric_mean(ratios) if len(ratios) == size else None

    def _turns_of(self, side: SideName, case_id: str) -> SideTurns:
        return self.turns[side].get(case_id, ()) if side in self.turns else ()


@dataclass(slots=True)
class Stage:
    """The blocks of one stage. No verdict mixes two stages."""

    blocks: list[Block] = field(default_factory=list)

    def pairs(self, case_id: str, other: SideName = "candidate") -> list[tuple[float, float]]:
        """(base, other) of each block that has both."""
        found = (block.pair(case_id, other) for block in self.blocks)
        return [pair for pair in found if pair is not None]

    def effect(
        self, case_id: str, threshold: float, other: SideName = "candidate"
    ) -> Effect | None:
        """The change of a case by this stage's blocks; None without a block that tells it."""
        pairs = self.pairs(case_id, other)
        return paired_effect(pairs, threshold=threshold) if pairs else None

    def effect_in_cycles(self, case_id: str, threshold: float) -> Effect | None:
        """The same in cycles; None unless every block that tells the time tells them."""
        sides: tuple[SideName, ...] = ("base", "candidate")
        both = [[one.cycles.get(side, {}).get(case_id) for side in sides] for one in self.blocks]
        pairs = [(one, two) for one, two in both if one is not None and two is not None]
        is_told = bool(pairs) and len(pairs) == len(self.pairs(case_id))
        return paired_effect(pairs, threshold=threshold) if is_told else None


def geometric_median(ratios: Sequence[float]) -> float:
    """The median on the log scale: turned round, it is one over what it was."""
    return math.exp(statistics.median(map(math.log, ratios)))


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


def turns_of(records: Sequence[Record], metric: str) -> Turns:
    """The medians of each turn, of the cases that were measured in turns."""
    found: dict[str, list[float | None]] = {}
    for record in records:
        reading = record.readings.get(metric)
        told = reading.details.get("turns") if reading is not None else None
        if isinstance(told, list):
            found[record.case_id] = [one if isinstance(one, float) else None for one in told]
    return found
