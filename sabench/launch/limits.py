"""What a child may use: its cores and its memory."""

import os
from collections.abc import Callable, Collection
from pathlib import Path

from sabench.measure.cores import hardware_siblings

MEMORY_SHARE = 0.8  # of what the cgroup or the host has; the rest is the parent's and the system's
CGROUP = Path("/sys/fs/cgroup")

Siblings = Callable[[int], frozenset[int]]


def choose_cores(
    threads: int, allowed: Collection[int], siblings: Siblings | None = None
) -> tuple[int, ...]:
    """The cores a job of so many threads is pinned to; empty when there are too few.

    One hardware thread per core before a second one; the highest numbers first, since interrupts
    and other people's work tend to sit on the lowest.
    """
    if threads > len(allowed):
        return ()
    siblings = siblings or hardware_siblings
    first: list[int] = []
    second: list[int] = []
    for core in sorted(allowed, reverse=True):
        (second if siblings(core) & set(first) else first).append(core)
    return tuple(sorted((first + second)[:threads]))


def allowed_cores() -> tuple[int, ...]:
    """The cores this process may run on; empty where the system does not tell."""
    if not hasattr(os, "sched_getaffinity"):
        return ()
    return tuple(sorted(os.sched_getaffinity(0)))


def default_memory_limit(cgroup: Path = CGROUP) -> int:
    """80 % of the memory that the cgroup or the host has, in bytes; 0 where it is not known."""
    try:
        host = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0
    limits = [host]
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        try:
            limits.append(int((cgroup / name).read_text()))
        except (OSError, ValueError):  # absent, or "max"
            continue
    return int(min(limits) * MEMORY_SHARE)


def out_of_memory_kills(cgroup: Path = CGROUP) -> int:
    """How many processes of the cgroup the kernel has killed for want of memory."""
    for name in ("memory.events", "memory/memory.oom_control"):
        try:
            lines = (cgroup / name).read_text().splitlines()
        except OSError:
            continue
        for line in lines:
            key, _, value = line.partition(" ")
            if key == "oom_kill" and value.isdigit():
                return int(value)
    return 0
