"""Waiting for a quiet machine, for scripts that time something. Bounded; the load is told."""

import time

from sabench.measure.load import ForeignLoad, machine_usage

QUIET_CORES = 0.05  # of other work
CALM_S = 3  # seconds in a row


def wait_for_quiet(patience_s: float) -> float:
    """Wait until three seconds in a row have little foreign load; the highest of the last three.

    Above QUIET_CORES: the machine did not become quiet.
    """
    start, seen = time.monotonic(), [foreign_cores() for _ in range(CALM_S)]
    while max(seen) > QUIET_CORES and time.monotonic() - start < patience_s:
        seen = [*seen[1:], foreign_cores()]
    return max(seen)


def foreign_cores(seconds: float = 1.0) -> float:
    """Cores' worth of other work over that long."""
    before = machine_usage()
    time.sleep(seconds)
    return ForeignLoad.between(before, machine_usage()).foreign


def became_quiet(patience_s: float) -> bool:
    """Wait, and print the load there was, or that nothing can be measured now."""
    load = wait_for_quiet(patience_s)
    if load > QUIET_CORES:
        print(f"not measurable today: {load:.2f} cores are busy with other work", flush=True)
        return False
    print(f"{load:.3f} cores were busy with other work before the first run", flush=True)
    return True
