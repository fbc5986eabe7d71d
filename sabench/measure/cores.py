"""Which hardware threads share a core, and which a job is pinned to. Torch-free."""

import os
from collections.abc import Collection
from pathlib import Path

from pydantic import JsonValue

from sabench.records import Flag

CPU = Path("/sys/devices/system/cpu")


def hardware_siblings(core: int, cpu: Path | None = None) -> frozenset[int]:
    """The hardware threads that share a core, itself among them."""
    try:
        text = ((cpu or CPU) / f"cpu{core}/topology/thread_siblings_list").read_text()
        parts = [part.partition("-") for part in text.strip().split(",")]
        return frozenset(n for low, _, high in parts for n in range(int(low), int(high or low) + 1))
    except (OSError, ValueError):
        return frozenset({core})


def are_alike(cores: Collection[int], cpu: Path | None = None) -> bool:
    """Whether these are cores of one kind, by the highest clocks that the kernel tells of."""
    clocks = set()
    for core in cores:
        try:
            clocks.add(((cpu or CPU) / f"cpu{core}/cpufreq/cpuinfo_max_freq").read_text().strip())
        except OSError:
            clocks.add("")  # as in virtual machines: not told
    return len(clocks) <= 1


def pinned_cores(asked: Collection[int], flags: Collection[Flag]) -> list[JsonValue] | None:
    """The cores this process is held to, as the kernel tells; None where it was not pinned."""
    if not asked or Flag.NOT_PINNED in flags:
        return None
    return [*sorted(os.sched_getaffinity(0))]
