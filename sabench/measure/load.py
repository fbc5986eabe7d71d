"""What else ran on our cores: read around every timing block, judged by load, never by result.

The honest signal is the run delay: time our threads were ready to run and had no core. It counts
nanoseconds where /proc/stat counts ticks of 10 ms, and it is zero for a thread that waits for its
own colleagues, so it holds for a passive thread pool too, whose own CPU time is never 100 %.
"""

import os
import resource
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from pathlib import Path

from pydantic import JsonValue

from sabench.measure.cgroup import CPU_STAT, cgroup_folders, throttled_periods
from sabench.records import Flag

LOST_SHARE = 0.02  # run delay over the wall time of a block
OWN_SHARE = 0.95  # own CPU over wall time, for one thread
LEAST_SPAN_S = 0.2  # of /proc/stat: jobs of 11-25 ms on two idle cores read up to 5 cores of others

TASKS = Path("/proc/self/task")
STAT = Path("/proc/stat")
PRESSURE = Path("/proc/pressure/cpu")


class Disturbance(StrEnum):
    """Why a block does not count."""

    NONE = ""
    WAITED = "waited for a core"
    STOLEN = "not running, and not by its own choice"
    SWITCHED = "switched out by the scheduler"
    SLOWED = "on a core that something unseen shared"


@dataclass(frozen=True, slots=True)
class Usage:
    """Counters of this process at one moment, all threads together, in nanoseconds."""

    wall_ns: int
    cpu_ns: int
    delay_ns: int | None  # None where the kernel does not tell
    voluntary: int  # context switches
    involuntary: int


class ProcessLoad:
    """Reads Usage by `clock_ns`; keeps the counters of its threads open between blocks.

    A thread waits for a core only after it was switched out, so the run delay is read anew only
    where a context switch was counted: reading it each time spoils the caches of the next block.
    """

    def __init__(self, clock_ns: Callable[[], int] = time.perf_counter_ns) -> None:
        self._clock_ns = clock_ns
        self._files: dict[str, int] = {}
        self._switches = (-1, -1)  # when the run delay was last read
        self._delay: int | None = None
        weakref.finalize(self, _close_all, self._files)

    def before(self) -> Usage:
        """Counters, the wall clock last: call it right before the timed region."""
        switches = resource.getrusage(resource.RUSAGE_SELF)
        delay = self._delay_at(switches)
        cpu = time.process_time_ns()
        return Usage(self._clock_ns(), cpu, delay, switches.ru_nvcsw, switches.ru_nivcsw)

    def after(self) -> Usage:
        """Counters, the wall clock first: call it right after the timed region."""
        wall = self._clock_ns()
        cpu = time.process_time_ns()
        switches = resource.getrusage(resource.RUSAGE_SELF)
        return Usage(wall, cpu, self._delay_at(switches), switches.ru_nvcsw, switches.ru_nivcsw)

    def _delay_at(self, usage: resource.struct_rusage) -> int | None:
        switches = (usage.ru_nvcsw, usage.ru_nivcsw)
        if switches != self._switches:
            self._delay, self._switches = self._delay_ns(), switches
        return self._delay

    def _delay_ns(self) -> int | None:
        try:
            threads = os.listdir(TASKS)
        except OSError:
            return None
        total = 0
        for thread in threads:
            try:
                if thread not in self._files:
                    path = TASKS / thread / "schedstat"
                    self._files[thread] = os.open(path, os.O_RDONLY)
                total += int(os.pread(self._files[thread], 64, 0).split()[1])
            except ProcessLookupError:  # the thread ended
                os.close(self._files.pop(thread))
            except (OSError, IndexError, ValueError):
                return None
        return total


def _close_all(files: dict[str, int]) -> None:
    for descriptor in files.values():
        os.close(descriptor)


def judge(before: Usage, after: Usage, threads: int) -> Disturbance:
    """Whether other work ran in a block; decided by counters alone."""
    wall = after.wall_ns - before.wall_ns
    alone = after.cpu_ns - before.cpu_ns >= OWN_SHARE * wall
    if before.delay_ns is None or after.delay_ns is None:
        if threads == 1:
            return Disturbance.NONE if alone else Disturbance.STOLEN
        switched = after.involuntary > before.involuntary
        return Disturbance.SWITCHED if switched else Disturbance.NONE
    if after.delay_ns - before.delay_ns > LOST_SHARE * wall:
        return Disturbance.WAITED
    slept = after.voluntary > before.voluntary  # a subject that sleeps disturbs itself
    if threads == 1 and not alone and not slept:
        return Disturbance.STOLEN
    return Disturbance.NONE


@dataclass(frozen=True, slots=True)
class MachineUsage:
    """Seconds since boot, summed over all cores of the machine; `own_s` is this process."""

    wall_s: float
    busy_s: float
    steal_s: float
    own_s: float
    cores: int
    throttled: int = 0  # periods in which a quota of our cgroups stopped us
    pressure_s: float | None = None  # some task of the machine waited for a core; None: not told
    switched_out: int = 0  # involuntary context switches of this process

    def without(self, start: "MachineUsage", end: "MachineUsage") -> "MachineUsage":
        """As if the time between those two had not been."""
        pressure = self.pressure_s
        if pressure is not None and None not in (start.pressure_s, end.pressure_s):
            pressure -= (end.pressure_s or 0.0) - (start.pressure_s or 0.0)
        return replace(
            self,
            wall_s=self.wall_s - (end.wall_s - start.wall_s),
            busy_s=self.busy_s - (end.busy_s - start.busy_s),
            steal_s=self.steal_s - (end.steal_s - start.steal_s),
            own_s=self.own_s - (end.own_s - start.own_s),
            throttled=self.throttled - (end.throttled - start.throttled),
            pressure_s=pressure,
            switched_out=self.switched_out - (end.switched_out - start.switched_out),
        )


@cache
def quota_folders() -> tuple[Path, ...]:
    """Our cgroups that count throttled periods, sought once: a process that measures stays."""
    return tuple(folder for folder in cgroup_folders("cpu") if (folder / CPU_STAT).exists())


def machine_usage() -> MachineUsage | None:
    """The machine's counters; None where there is no /proc/stat."""
    with suppress(OSError, ValueError, IndexError):
        text = STAT.read_text()
        ticks = os.sysconf("SC_CLK_TCK")
        user, nice, system, _idle, _wait, irq, soft, steal = map(
            int, text.split("\n", 1)[0].split()[1:9]
        )
        return MachineUsage(
            wall_s=time.perf_counter(),
            busy_s=(user + nice + system + irq + soft) / ticks,
            steal_s=steal / ticks,
            own_s=time.process_time(),
            cores=sum(line.startswith("cpu") for line in text.splitlines()) - 1,
            throttled=throttled_periods(quota_folders()) or 0,
            pressure_s=_pressure_s(),
            switched_out=resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw,
        )
    return None


def _pressure_s() -> float | None:
    """Pressure stall information: the kernel's own count of waiting, in microseconds."""
    with suppress(OSError, ValueError, IndexError):
        some = PRESSURE.read_text().splitlines()[0].split()
        return int(next(word for word in some if word.startswith("total="))[6:]) * 1e-6
    return None


@dataclass(frozen=True, slots=True)
class ForeignLoad:
    """Other work on the whole machine while a job measured, in cores."""

    foreign: float
    steal: float
    cores: int
    throttled: int = 0
    pressure: float | None = None  # share of the span in which some task waited for a core
    switched_out: int = 0
    is_told: bool = True  # False: no /proc/stat, or a span too short for its ticks

    @classmethod
    def between(cls, before: MachineUsage | None, after: MachineUsage | None) -> "ForeignLoad":
        """Load over a span; zero where the machine does not tell."""
        if before is None or after is None or after.wall_s <= before.wall_s:
            return cls(0.0, 0.0, os.cpu_count() or 1, is_told=False)
        span = after.wall_s - before.wall_s
        is_told = span >= LEAST_SPAN_S
        busy = after.busy_s - before.busy_s - (after.own_s - before.own_s)
        steal = after.steal_s - before.steal_s
        pressure = None
        if before.pressure_s is not None and after.pressure_s is not None:
            pressure = (after.pressure_s - before.pressure_s) / span
        return cls(
            foreign=max(0.0, busy) / span if is_told else 0.0,
            steal=steal / span if is_told else 0.0,
            cores=after.cores,
            throttled=after.throttled - before.throttled,
            pressure=pressure,
            switched_out=after.switched_out - before.switched_out,
            is_told=is_told,
        )

    @property
    def is_noisy(self) -> bool:
        """A quarter of the machine busy with others, or 1 % of it stolen.

        /proc/stat counts by ticks and a waiting thread pool falls between them: finer than this
        it cannot be read.
        """
        return self.foreign > 0.25 * self.cores or self.steal > 0.01 * self.cores

    @property
    def flags(self) -> tuple[Flag, ...]:
        """What the machine's load says against everything that a job measured."""
        found = {Flag.HOST_NOISY: self.is_noisy, Flag.CGROUP_THROTTLED: self.throttled > 0}
        return tuple(flag for flag, is_raised in found.items() if is_raised)

    def told(self) -> dict[str, JsonValue]:
        """For the record."""
        return {
            "foreign_cores": round(self.foreign, 3) if self.is_told else None,
            "stolen_cores": round(self.steal, 3) if self.is_told else None,
            "throttled_periods": self.throttled,
            "cpu_pressure": None if self.pressure is None else round(self.pressure, 4),
            "switched_out": self.switched_out,
        }
