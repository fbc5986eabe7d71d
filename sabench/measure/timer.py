"""How calls are timed on a kind of device: the interface that the protocol drives."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from pydantic import JsonValue

from sabench.measure.load import Disturbance
from sabench.records import Flag

Call = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Block:
    """One sample: seconds of one call, from a block of `calls` calls."""

    seconds: float
    calls: int
    disturbance: Disturbance = Disturbance.NONE


class Timer(Protocol):
    """Times calls; knows nothing of warm-up, stopping or records."""

    def once(self, call: Call) -> float:
        """Wall seconds of one call, from idle until its work is done."""
        ...

    def calibrate(self, call: Call, estimate_s: float) -> None:
        """Choose the block for a call that takes about `estimate_s`."""
        ...

    def chunk(self, call: Call, count: int) -> list[Block]:
        """That many blocks, in order, with nothing between them but reading counters."""
        ...

    def foreign_work(self) -> str:
        """What clearly ran beside all blocks since `calibrate`, in words; empty if nothing did."""
        ...

    @property
    def block_s(self) -> float:
        """About how long one block takes."""
        ...

    @property
    def flags(self) -> tuple[Flag, ...]:
        """What the way of timing says against the figure."""
        ...

    @property
    def details(self) -> dict[str, JsonValue]:
        """How the timing was done, for the record."""
        ...
