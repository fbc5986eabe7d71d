"""Test workers, each kept to a core of its own."""

import os
import re
from contextlib import suppress
from pathlib import Path


def _order(core: int) -> tuple[bool, int]:
    """One hardware thread of each core before the others, where the system tells."""
    told = Path(f"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list")
    first = re.match("[0-9]+", told.read_text()) if told.is_file() else None
    return first is not None and int(first[0]) != core, core


HERE = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set[int]()
EVERY_CORE = tuple(sorted(HERE, key=_order))
"""Those that the tests may use, from before a worker was kept to one."""


def keep_to_one_core() -> None:
    """A child takes the last core of those it may have: all workers' children would share it.

    Where it is refused (in some containers) they do.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker and EVERY_CORE:
        with suppress(OSError):
            core = EVERY_CORE[int(worker.removeprefix("gw")) % len(EVERY_CORE)]
            os.sched_setaffinity(0, {core})
