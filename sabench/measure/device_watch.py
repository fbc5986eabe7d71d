"""What a device did in a span of time: what a timing is judged by. Torch-free."""

from dataclasses import dataclass
from typing import Literal, Protocol

Isolation = Literal["alone", "shared", "idle neighbour", "unverified"]


@dataclass(frozen=True, slots=True)
class DeviceSpan:
    """What was read of a device between two moments; None where it was not told.

    `events` are the names of clock event reasons seen, as `measure.device` spells them.
    `foreign` are the ids of other processes that used the device.
    """

    readings: int = 0
    sm_clock_mhz: float | None = None  # median
    power_w: float | None = None  # mean
    temperature_c: float | None = None  # highest
    events: frozenset[str] = frozenset()
    foreign: tuple[int, ...] = ()
    isolation: Isolation = "unverified"


class DeviceWatch(Protocol):
    """Reads a device while something else runs on it."""

    @property
    def reason(self) -> str:
        """Why something is not told of the device; empty while everything is."""
        ...

    def start(self) -> None:
        """Begin to read."""
        ...

    def stop(self) -> None:
        """Read no more; what was read stays."""
        ...

    def between(self, start_s: float, end_s: float) -> DeviceSpan:
        """What was read in a span of `time.perf_counter`; a reading close by if none was."""
        ...


class NoWatch:
    """The watch of a device that is read otherwise: the CPU's load is read around every block."""

    reason = ""

    def start(self) -> None:
        """Nothing to begin."""

    def stop(self) -> None:
        """Nothing to end."""

    def between(self, start_s: float, end_s: float) -> DeviceSpan:
        """Nothing was read, and nobody has to be looked for."""
        return DeviceSpan(isolation="alone")
