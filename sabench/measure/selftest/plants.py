"""Faults to plant into an instrument on purpose: each turns one self-check red."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sabench.measure.cpu_timer import CpuTimer
from sabench.measure.energy import EnergyCounter
from sabench.measure.load import Disturbance
from sabench.measure.timer import Block, Call

SLOW = 0.95
"""What the planted clock shows of the time that passes."""


def slowed(clock_ns: Callable[[], int]) -> Callable[[], int]:
    """A clock that loses one second in twenty."""
    start = clock_ns()
    return lambda: start + int(SLOW * (clock_ns() - start))


class SlowEvents:
    """torch.cuda with events that show 5 % too little."""

    def __init__(self, cuda: Any) -> None:
        self._cuda = cuda

    def __getattr__(self, name: str) -> Any:
        """Everything else as it is."""
        return getattr(self._cuda, name)

    def Event(self, **options: Any) -> Any:  # noqa: N802 - torch's name
        """An event whose elapsed time is short."""
        return SlowEvent(self._cuda.Event(**options))


@dataclass(slots=True)
class SlowEvent:
    """One of them."""

    event: Any

    def record(self) -> None:
        """As the real one."""
        self.event.record()

    def elapsed_time(self, end: "SlowEvent") -> float:
        """Milliseconds, a twentieth left out."""
        return SLOW * float(self.event.elapsed_time(end.event))


class FrozenCounter:
    """An energy counter that stands still at its first reading."""

    def __init__(self, counter: EnergyCounter) -> None:
        self._counter, self._first = counter, counter.joules()

    def joules(self) -> float:
        """Always the first."""
        return self._first

    def __getattr__(self, name: str) -> Any:
        """Everything else as the real one has it."""
        return getattr(self._counter, name)


class BlindTimer(CpuTimer):
    """The CPU timer without its judgement: what it was before it read the load."""

    def chunk(self, call: Call, count: int) -> list[Block]:
        """Every block counts."""
        return [replace(one, disturbance=Disturbance.NONE) for one in super().chunk(call, count)]

    def foreign_work(self) -> str:
        """Nobody is looked for."""
        return ""
