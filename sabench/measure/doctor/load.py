"""Who else works here now: neighbours, steal, pressure, the container's quota. Torch-free."""

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from sabench.measure.cgroup import cgroup_folders, cpu_quota, throttled_periods
from sabench.measure.core_load import core_ticks
from sabench.measure.doctor.finding import Finding, Light, Part
from sabench.measure.doctor.host import Host
from sabench.measure.system_files import text

QUIET_CORES = 0.05  # of other work: accepted leaderboards are measured below it
NOISY_SHARE = 0.25  # of the machine: a job that saw more is flagged host_noisy
ON_OUR_CORE = 0.10
STEAL_YELLOW, STEAL_RED = 0.002, 0.01
SLOW_YELLOW, SLOW_RED = 0.05, 0.25
PRESSURE_YELLOW, PRESSURE_RED = 0.05, 0.25
ROOM = 1.1  # cores: one for the child, a tenth for all else

WHO = "see who works, and stop it: top -o %CPU"

NEIGHBOURS = Part(
    "neighbours", "Other work takes the core away, and the caches and memory with it."
)
STEAL = Part("steal", "A hypervisor that takes the core away is not seen from inside a process.")
SHARED = Part(
    "core sharing", "Calls take up to twice as long while a core's other hardware thread works."
)
PRESSURE = Part("pressure", "Processes that wait for a core now will wait inside a figure, too.")
QUOTA = Part("CPU quota", "A container out of quota is stopped for the rest of each 0.1 s.")


@dataclass(frozen=True, slots=True)
class Sample:
    """Counters at one moment; None or empty where the machine does not tell."""

    wall_s: float
    own_s: float
    ticks: Mapping[int, tuple[int, int]]  # core -> busy, stolen
    waited_us: int | None = None  # some process waited for a core, since boot
    throttled: int | None = None  # periods in which the quota stopped our cgroup
    processes: Mapping[int, tuple[str, int]] = field(default_factory=dict)  # id -> name, ticks


def sample(host: Host) -> Sample:
    """All counters now."""
    ticks: dict[int, tuple[int, int]] = {}
    with suppress(OSError, ValueError, IndexError):
        ticks = core_ticks(host.proc / "stat")
    return Sample(
        wall_s=time.perf_counter(),
        own_s=time.process_time(),
        ticks=ticks,
        waited_us=_waited_us(text(host.proc / "pressure/cpu")),
        throttled=throttled_periods(_folders(host)),
        processes=_processes(host),
    )


def examine_load(host: Host, before: Sample, after: Sample) -> list[Finding]:
    """All checks of this file."""
    return [
        neighbours(host, before, after),
        steal(before, after),
        pressure(before, after),
        quota(host, before, after),
    ]


def busy_shares(before: Sample, after: Sample) -> dict[int, float]:
    """What part of the time each core was busy."""
    there = before.ticks.keys() & after.ticks.keys()
    span = _span(before, after) if there else 1.0
    return {core: (after.ticks[core][0] - before.ticks[core][0]) / span for core in there}


def neighbours(host: Host, before: Sample, after: Sample) -> Finding:
    """Cores' worth of other work, and the process that does most of it."""
    busy = busy_shares(before, after)
    if not busy:
        return NEIGHBOURS.absent("not told: no /proc/stat")
    own = (after.own_s - before.own_s) / (after.wall_s - before.wall_s)
    foreign = max(0.0, sum(busy.values()) - own)
    ours = max((busy.get(core, 0.0) for core in host.cores), default=0.0)
    load = (text(host.proc / "loadavg") or "not told").split()[0]
    value = f"{foreign:.2f} of {len(busy)} cores busy with others, load average {load}"
    if foreign <= QUIET_CORES:
        return NEIGHBOURS.green(value)
    mend = WHO
    if worst := _busiest(before, after):
        number, name, share = worst
        value += f"; {name} (process {number}) takes {share:.2f}"
        if _is_ours(host, number):
            mend = f"kill -STOP {number}  # and kill -CONT {number} afterwards"
    if foreign > NOISY_SHARE * len(busy) or ours - own > ON_OUR_CORE:
        return NEIGHBOURS.red(value, mend)
    return NEIGHBOURS.yellow(value, mend)


def steal(before: Sample, after: Sample) -> Finding:
    """Time that a hypervisor took."""
    there = before.ticks.keys() & after.ticks.keys()
    if not there:
        return STEAL.absent("not told: no /proc/stat")
    taken = sum(after.ticks[core][1] - before.ticks[core][1] for core in there)
    share = taken / _span(before, after) / len(there)
    value, mend = (
        f"{100 * share:.1f} % of the cores",
        "move to a machine whose cores are not shared",
    )
    if share > STEAL_RED:
        return STEAL.red(value, mend)
    return STEAL.yellow(value, mend) if share > STEAL_YELLOW else STEAL.green(value)


def others_at_work(load: list[Finding], threads: Finding) -> bool:
    """Whether what can be seen slows our cores already: the checks of this file, and what the
    cores' other hardware threads do. Then what cannot be seen is not told from it."""
    return any(one.light is Light.RED for one in (*load, threads))


def shared_core(slow: float | None) -> Finding:
    """How much of the time something unseen shared the core; None: others are seen to work.

    Where the core's other hardware thread belongs to another virtual machine, nothing else tells.
    """
    if slow is None:
        return SHARED.absent("not told beside what a line above has found")
    value = f"something unseen shares it {100 * slow:.0f} % of the time"
    mend = "move to a machine whose cores are not shared"
    if slow > SLOW_RED:
        return SHARED.red(value, mend)
    return SHARED.yellow(value, mend) if slow > SLOW_YELLOW else SHARED.green(value)


def pressure(before: Sample, after: Sample) -> Finding:
    """How much of the time some process waited for a core."""
    if before.waited_us is None or after.waited_us is None:
        return PRESSURE.absent("not told: the kernel has no pressure stall information")
    share = (after.waited_us - before.waited_us) * 1e-6 / (after.wall_s - before.wall_s)
    value, mend = f"some process waited {100 * share:.1f} % of the time", WHO
    if share > PRESSURE_RED:
        return PRESSURE.red(value, mend)
    return PRESSURE.yellow(value, mend) if share > PRESSURE_YELLOW else PRESSURE.green(value)


def quota(host: Host, before: Sample, after: Sample) -> Finding:
    """How many cores the cgroup may use, and whether it was stopped just now."""
    limit = cpu_quota(_folders(host))
    if limit is None:
        return QUOTA.green("none")
    cores, file = limit
    mend = f"echo {'max' if file.name == 'cpu.max' else -1} | sudo tee {file}"
    value = f"{cores:.2f} cores"
    stopped = (after.throttled or 0) - (before.throttled or 0)
    if stopped > 0:
        return QUOTA.red(f"{value}; stopped {stopped} times in the last second", mend)
    if cores < ROOM:
        return QUOTA.red(f"{value}: no room beside one busy thread", mend)
    return QUOTA.yellow(value, mend) if cores < len(host.allowed) else QUOTA.green(value)


def _folders(host: Host) -> list[Path]:
    return cgroup_folders("cpu", host.proc, host.cgroup)


def _waited_us(told: str | None) -> int | None:
    for line in (told or "").splitlines():
        if line.startswith("some"):
            return int(line.rpartition("total=")[2])
    return None


def _processes(host: Host) -> dict[int, tuple[str, int]]:
    """Name and ticks of every process but this one."""
    found: dict[int, tuple[str, int]] = {}
    for stat in host.proc.glob("[0-9]*/stat"):
        with suppress(OSError, ValueError, IndexError):
            head, _, rest = stat.read_text(errors="replace").rpartition(")")
            fields = rest.split()
            found[int(stat.parent.name)] = head.partition("(")[2], int(fields[11]) + int(fields[12])
    found.pop(os.getpid(), None)
    return found


def _busiest(before: Sample, after: Sample) -> tuple[int, str, float] | None:
    """Id, name and cores' worth of the process that worked most, if it worked."""
    span = _span(before, after)
    used = {
        number: (name, (ticks - before.processes.get(number, (name, ticks))[1]) / span)
        for number, (name, ticks) in after.processes.items()
    }
    if not used:
        return None
    number = max(used, key=lambda one: used[one][1])
    name, share = used[number]
    return (number, name, share) if share > QUIET_CORES else None


def _is_ours(host: Host, process: int) -> bool:
    """Whether the user's own: nobody is told to stop another person's work."""
    try:
        return (host.proc / str(process)).stat().st_uid == os.getuid()
    except OSError:
        return False


def _span(before: Sample, after: Sample) -> float:
    """Ticks that passed."""
    return (after.wall_s - before.wall_s) * os.sysconf("SC_CLK_TCK")
