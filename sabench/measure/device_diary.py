"""What a device did while a call was sampled, chunk by chunk, and what that says of the samples."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from sabench.measure.device_watch import DeviceSpan
from sabench.records import Flag
from sabench.stats import quantile

THERMAL_EVENTS = frozenset({"hw_thermal_slowdown", "sw_thermal_slowdown"})
HARDWARE_EVENTS = frozenset({"hw_slowdown", "hw_power_brake"})
POWER_CAP_EVENT = "sw_power_cap"  # normal for a heavy kernel: told, and nothing is thrown away

CLOCK_DRIFT = 0.97  # of the clock of the first settled chunk
COOLING_S = (0.5, 1.0, 2.0, 4.0)
LONGEST_COOLING_S = 10.0  # of one job, and never longer than it may measure
COOLING_SHARE = 0.4  # of what a job takes otherwise, so that half as much again is never reached
SHORTEST_COOLING_S = 0.1


def slowdown(span: DeviceSpan) -> Flag | None:
    """Why the device ran slower than it can, if heat or its hardware made it."""
    if span.events & THERMAL_EVENTS:
        return Flag.THERMAL
    return Flag.HW_SLOWDOWN if span.events & HARDWARE_EVENTS else None


@dataclass(slots=True)
class Cooling:
    """The waits that a job grants a device that slowed itself down: few, and longer each time.

    `lost_s`: all that they cost, the chunks around them included.
    """

    limit_s: float
    waits: int = 0
    waited_s: float = 0.0
    lost_s: float = 0.0

    def next_s(self, chunk_s: float, job_s: float, remaining_s: float) -> float | None:
        """How long to wait now; None when no wait is left that fits into `remaining_s`.

        `chunk_s`: of the chunk that is thrown away, and of one to warm up in again; `job_s`: since
        the job began.
        """
        if self.waits == len(COOLING_S):
            return None
        share_s = COOLING_SHARE * (job_s - self.lost_s - chunk_s) - self.lost_s - 2 * chunk_s
        granted_s = min(self.limit_s, LONGEST_COOLING_S) - self.waited_s
        wait = min(COOLING_S[self.waits], share_s, granted_s)
        if wait < SHORTEST_COOLING_S or wait >= remaining_s:
            return None
        self.waits += 1
        self.waited_s += wait
        return wait


@dataclass(slots=True)
class DeviceDiary:
    """The spans of one sampling's chunks. A discarded chunk leaves its flag and no figures."""

    flags: set[Flag] = field(default_factory=set)
    kept: int = 0
    discarded: int = 0
    slowed: int = 0  # kept although the device had slowed itself down
    shared: int = 0  # kept although others used the device
    foreign: set[int] = field(default_factory=set)
    clocks_mhz: list[float] = field(default_factory=list)
    powers_w: list[float] = field(default_factory=list)
    temperatures_c: list[float] = field(default_factory=list)
    cycles: list[float] = field(default_factory=list)

    def discard(self, why: Flag) -> None:
        """Note a chunk whose samples are thrown away."""
        self.flags.add(why)
        self.discarded += 1

    def keep(self, span: DeviceSpan, seconds: Sequence[float]) -> None:
        """Note a chunk whose samples stay."""
        self.kept += 1
        if why := slowdown(span):
            self.flags.add(why)
            self.slowed += 1
        if POWER_CAP_EVENT in span.events:
            self.flags.add(Flag.POWER_CAP)
        self._note_neighbours(span)
        if span.sm_clock_mhz is not None:
            self.clocks_mhz.append(span.sm_clock_mhz)
            self.cycles += [one * span.sm_clock_mhz * 1e6 for one in seconds]
            if span.sm_clock_mhz < CLOCK_DRIFT * self.clocks_mhz[0]:
                self.flags.add(Flag.CLOCK_DRIFT)
        if span.power_w is not None:
            self.powers_w.append(span.power_w)
        if span.temperature_c is not None:
            self.temperatures_c.append(span.temperature_c)

    def _note_neighbours(self, span: DeviceSpan) -> None:
        if span.foreign or span.isolation == "shared":
            self.flags.add(Flag.CONTENDED)
            self.shared += 1
            self.foreign |= set(span.foreign)
        elif span.isolation == "idle neighbour":
            self.flags.add(Flag.FOREIGN_IDLE)
        elif span.isolation == "unverified":
            self.flags.add(Flag.ISOLATION_UNVERIFIED)

    def told(self) -> dict[str, JsonValue]:
        """For the record: counts of chunks, and clock, power, temperature and cycles where read."""
        told: dict[str, JsonValue] = {}
        if self.discarded or self.slowed or self.shared:
            told |= {
                "chunks": self.kept + self.discarded,
                "discarded_chunks": self.discarded,
                "slowed_chunks": self.slowed,
                "shared_chunks": self.shared,
            }
        if self.foreign:
            pids: list[JsonValue] = [*sorted(self.foreign)]
            told["foreign_processes"] = pids
        for name, values in (
            ("sm_clock_mhz", self.clocks_mhz),
            ("power_w", self.powers_w),
            ("temperature_c", self.temperatures_c),
        ):
            if values:
                told[name] = {
                    "median": quantile(values, 0.5),
                    "minimum": min(values),
                    "maximum": max(values),
                }
        if self.cycles:
            told["cycles"] = {
                "median": quantile(self.cycles, 0.5),
                "q1": quantile(self.cycles, 0.25),
                "q3": quantile(self.cycles, 0.75),
            }
        return told
