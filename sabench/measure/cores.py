"""Which hardware threads share a core, and which a job is pinned to. Torch-free."""

import os
from collections.abc import Collection
from pathlib import Path

from pydantic import JsonValue

from sabench.cases.plan import Batch
from sabench.catalog.presets import Preset
from sabench.measure.system_files import text
from sabench.records import Flag

CPU = Path("/sys/devices/system/cpu")
DEVICES = Path("/sys/devices")


def hardware_siblings(core: int, cpu: Path | None = None) -> frozenset[int]:
    """The hardware threads that share a core, itself among them."""
    try:
        return _listed((cpu or CPU) / f"cpu{core}/topology/thread_siblings_list")
    except (OSError, ValueError):
        return frozenset({core})


def are_alike(cores: Collection[int], devices: Path = DEVICES) -> bool:
    """Whether these are cores of one kind, as far as the kernel tells: by the capacity of each, and
    by the list that it has of a processor's small ones."""
    try:
        small = _listed(devices / "cpu_atom/cpus")
    except (OSError, ValueError):
        small = frozenset()
    kinds = set()
    for core in cores:
        capacity = text(devices / f"system/cpu/cpu{core}/cpu_capacity")
        kinds.add((core in small, capacity))
    return len(kinds) <= 1


def preset_of(batch: Batch, flags: Collection[Flag]) -> Preset:
    """The batch's; without readings of the core where one cannot be held against another: by a
    process that is not held to its cores, or to cores of several kinds."""
    if Flag.NOT_PINNED not in flags and are_alike(batch.cores):
        return batch.preset
    return batch.preset.model_copy(update={"slow_core": 0.0})


def pinned_cores(asked: Collection[int], flags: Collection[Flag]) -> list[JsonValue] | None:
    """The cores this process is held to, as the kernel tells; None where it was not pinned."""
    if not asked or Flag.NOT_PINNED in flags:
        return None
    return [*sorted(os.sched_getaffinity(0))]


def _listed(file: Path) -> frozenset[int]:
    """Numbers as the kernel lists them: 0-3,8.

    Raises: OSError or ValueError.
    """
    parts = [part.partition("-") for part in file.read_text().strip().split(",")]
    return frozenset(n for low, _, high in parts for n in range(int(low), int(high or low) + 1))
