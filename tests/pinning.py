"""Test workers, each kept to a core of its own."""

import os
from contextlib import suppress

EVERY_CORE = tuple(sorted(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else ()
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
