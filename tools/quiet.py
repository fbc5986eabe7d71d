"""Waiting for a quiet machine, for scripts that time something. Bounded; the load is told."""

import time
from enum import StrEnum

from sabench.launch.core_bests import earlier_best
from sabench.launch.limits import allowed_cores, choose_cores
from sabench.measure.core_speed import slow_share
from sabench.measure.environment import environment
from sabench.measure.load import ForeignLoad, machine_usage

QUIET_CORES = 0.05  # of other work
QUIET_SLOW = 0.05  # of the time in which work that nothing else tells of shares a core
CALM_S = 3  # seconds in a row


def wait_for_quiet(patience_s: float, most_slow: float = QUIET_SLOW) -> tuple[float, float]:
    """Wait until three seconds in a row have little foreign load, and cores that nothing shares.

    The highest of the last three: cores' worth of other work, and the share of the time in which
    something unseen shared the worst core. Above QUIET_CORES or `most_slow`: the machine did not
    become quiet.
    """
    start, seen = time.monotonic(), [look() for _ in range(CALM_S)]
    while not is_quiet(*worst(seen), most_slow) and time.monotonic() - start < patience_s:
        seen = [*seen[1:], look()]
    return worst(seen)


def look(seconds: float = 1.0) -> tuple[float, float]:
    """Cores' worth of other work over that long, and then how often a core was slow."""
    before = machine_usage()
    time.sleep(seconds)
    foreign = ForeignLoad.between(before, machine_usage()).foreign
    cores = choose_cores(min(2, len(allowed_cores())), allowed_cores())  # as many as are measured
    return foreign, slow_share(cores, seconds, earlier_best(environment("cpu")))


def worst(seen: list[tuple[float, float]]) -> tuple[float, float]:
    """The most foreign work and the largest share of slow readings."""
    foreign, slow = zip(*seen, strict=True)
    return max(foreign), max(slow)


def is_quiet(foreign: float, slow: float, most_slow: float = QUIET_SLOW) -> bool:
    """Whether figures can be taken."""
    return foreign <= QUIET_CORES and slow <= most_slow


class Found(StrEnum):
    """What the machine was found to be."""

    QUIET = "quiet"
    SHARED = "shared"  # nothing of this machine runs, and its cores are slow all the same
    BUSY = "busy"


def find_quiet(patience_s: float) -> Found:
    """Wait, and print what there was. Who shares the cores unseen cannot be sent away."""
    foreign, slow = wait_for_quiet(patience_s)
    told = f"{foreign:.3f} cores were busy with other work, the cores slow {slow:.1%} of the time"
    if foreign > QUIET_CORES:
        print(f"not measurable today: {told}", flush=True)
        return Found.BUSY
    if is_quiet(foreign, slow):
        print(f"{told}, before the first run", flush=True)
        return Found.QUIET
    print(f"{told}: what misses its bound by noise is not measurable today", flush=True)
    return Found.SHARED
