"""What a child may use: its cores and its memory."""

import os
from collections.abc import Callable, Collection

from sabench.errors import ConfigError
from sabench.measure.cgroup import cgroup_folders, memory_kills, memory_limit
from sabench.measure.cores import hardware_siblings
from sabench.units import parse_bytes, show_bytes

LEAST_MEMORY = 256 * 1024**2
"""Of address space: in less no child gets as far as its first job."""

MEMORY_SHARE = 0.8  # of what a cgroup or the host has; the rest is the parent's and the system's

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


def parse_memory_limit(text: str) -> int:
    """'8GiB' to bytes, 'none' to 0.

    Raises: ConfigError for what is no size, or too little to start in.
    """
    limit = parse_bytes(text)
    if limit < LEAST_MEMORY and text != "none":
        raise ConfigError(
            f"--memory-limit {text}: no child starts in that; write "
            f"{show_bytes(LEAST_MEMORY)} or more, or none"
        )
    return limit


def default_memory_limit() -> int:
    """80 % of the memory that our cgroups or the host have, in bytes; 0 where it is not known."""
    try:
        host = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0
    limit = memory_limit(cgroup_folders("memory"))
    return int(min(host, limit.value if limit else host) * MEMORY_SHARE)


def out_of_memory_kills() -> int:
    """How many processes of our cgroup the kernel has killed for want of memory."""
    return memory_kills(cgroup_folders("memory"))
