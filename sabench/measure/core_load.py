"""What else ran on our cores and their siblings: read over a whole sampling, from /proc/stat.

It sees what the run delay cannot: work on the other hardware thread of a core, and a hypervisor
that takes the core away. Its counters move by ticks, so a long span is judged, and never finely.
"""

import math
import os
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from sabench.measure.cores import hardware_siblings
from sabench.measure.load import STAT

BUSY_SHARE = 0.10  # of the cores' time; a quiet machine's own work is below 3 %
STEAL_SHARE = 0.05
SPARE_TICKS = 3  # what rounding alone can show
SPARE_WAIT_NS = 10_000_000  # a guess: a daemon that wakes once in a short sampling is no neighbour


@dataclass(frozen=True, slots=True)
class CoreUsage:
    """Ticks since boot, summed over our cores and over their siblings that are not ours."""

    wall_s: float
    own_s: float  # CPU time of this process, which runs on our cores only
    cores: int
    busy: int
    steal: int
    siblings: int
    siblings_busy: int

    def without(self, start: "CoreUsage", end: "CoreUsage") -> "CoreUsage":
        """As if the time between those two had not been."""
        return replace(
            self,
            wall_s=self.wall_s - (end.wall_s - start.wall_s),
            own_s=self.own_s - (end.own_s - start.own_s),
            busy=self.busy - (end.busy - start.busy),
            steal=self.steal - (end.steal - start.steal),
            siblings_busy=self.siblings_busy - (end.siblings_busy - start.siblings_busy),
        )


def cores_allowed() -> int | None:
    """How many cores this process may run on; None where the system does not tell."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None


def core_usage(threads: int) -> CoreUsage | None:
    """The counters of the cores we are pinned to; None where they are not told.

    Without a core for every thread and no more, who runs beside us is not known: None too.
    """
    with suppress(OSError, ValueError, IndexError, KeyError, AttributeError):
        ours = os.sched_getaffinity(0)
        if len(ours) != threads:
            return None
        beside = set[int]().union(*map(hardware_siblings, ours)) - ours
        ticks = core_ticks()
        return CoreUsage(
            wall_s=time.perf_counter(),
            own_s=time.process_time(),
            cores=len(ours),
            busy=sum(ticks[core][0] for core in ours),
            steal=sum(ticks[core][1] for core in ours | beside),
            siblings=len(beside),
            siblings_busy=sum(ticks[core][0] for core in beside),
        )
    return None


def foreign_work(
    before: CoreUsage | None, after: CoreUsage | None, ticks_per_s: int | None = None
) -> str:
    """What clearly ran beside us between the two, in words; empty if nothing did.

    Busy ticks are samples of what runs: four standard deviations of their count are allowed for.
    """
    if before is None or after is None:
        return ""
    rate = ticks_per_s or os.sysconf("SC_CLK_TCK")
    span = (after.wall_s - before.wall_s) * rate
    own = (after.own_s - before.own_s) * rate
    ours, beside = span * after.cores, span * after.siblings
    found = {
        "on our cores": (after.busy - before.busy - own, BUSY_SHARE * ours + 2 * math.sqrt(ours)),
        "on their siblings": (after.siblings_busy - before.siblings_busy, BUSY_SHARE * beside),
        "of the hypervisor": (after.steal - before.steal, STEAL_SHARE * ours),
    }
    words = [
        f"{ticks / span:.2f} cores {where}"
        for where, (ticks, allowed) in found.items()
        if ticks > allowed + SPARE_TICKS
    ]
    return ", ".join(words)


def held_up(delay_ns: int, wall_ns: int, threads: int, cores: int | None) -> str:
    """What our threads waited for their cores in all blocks together, in words; empty if little.

    `cores`: as many as the process may run on; of more threads some wait for the others.

    Of a sampling too short for ticks it tells what they cannot: a neighbour that took every other
    slice spoils a third of the blocks, and the caches of the others.
    """
    if delay_ns <= BUSY_SHARE * threads * wall_ns + SPARE_WAIT_NS:
        return ""
    if cores is not None and threads > cores:
        return (
            f"its own threads, {threads} on {cores} {'core' if cores == 1 else 'cores'} "
            f"(--axis threads={cores})"
        )
    return f"work that held our cores for {delay_ns / wall_ns / threads:.2f} of the time"


def core_ticks(stat: Path | None = None) -> dict[int, tuple[int, int]]:
    """Busy and stolen ticks of every core.

    Raises: OSError or ValueError where they are not told.
    """
    found: dict[int, tuple[int, int]] = {}
    for line in (stat or STAT).read_text().splitlines():
        name, *fields = line.split()
        if name.startswith("cpu") and name != "cpu":
            user, nice, system, _idle, _wait, irq, soft, steal = map(int, fields[:8])
            found[int(name[3:])] = user + nice + system + irq + soft, steal
    return found
