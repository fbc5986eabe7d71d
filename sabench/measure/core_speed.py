"""How fast our core runs right now: a small product of integers, timed beside every block.

A virtual machine's core may be one hardware thread of two, the other one another machine's. No
counter tells of its work, steal and run delay stay at zero, and calls take up to twice as long.
Nor is a clock told there. What is left is to time work that is always the same. Torch-free.
"""

import os
import time
from collections.abc import Callable, Collection
from functools import cache

from sabench.catalog.presets import SLOW_CORE

SEEK_S = 0.2  # of readings, by a process that is not told how fast its core can be
DIGITS = 60  # of a factor, 30 bits each: a product takes 2 to 5 us, and its digits fit the L1 cache
FACTORS = tuple((1 << (30 * DIGITS)) // divisor for divisor in (3, 7))


class CoreSpeed:
    """Readings of the core that we run on, in nanoseconds of the same work."""

    def __init__(self, clock_ns: Callable[[], int] = time.perf_counter_ns) -> None:
        self._clock_ns = clock_ns
        self.best_ns = 0  # of all readings, and of what was told; 0: none yet

    def read(self) -> int:
        """The shortest of three products, behind one that fetches the factors."""
        clock, (left, right) = self._clock_ns, FACTORS
        _ = left * right
        first = clock()
        _ = left * right
        second = clock()
        _ = left * right
        third = clock()
        _ = left * right
        took = max(1, min(second - first, third - second, clock() - third))
        self.learn(took)
        return took

    def learn(self, best_ns: int) -> None:
        """What the core was seen to do, by us or by an earlier process on it; 0: nothing."""
        if best_ns:
            self.best_ns = min(best_ns, self.best_ns or best_ns)

    def seek(self, seconds: float = SEEK_S) -> None:
        """Read for so long: a neighbour that rests now and then is told from a slow core."""
        end = self._clock_ns() + int(seconds * 1e9)
        while self._clock_ns() < end:
            self.read()

    def is_slow(self, reading_ns: int, limit: float = SLOW_CORE) -> bool:
        """Whether the core was clearly slower than it can be: above `limit` times its best."""
        return reading_ns > limit * self.best_ns

    def slow_share(self, seconds: float) -> float:
        """What part of that long the core is slow: of readings without a pause."""
        end, readings = self._clock_ns() + int(seconds * 1e9), [self.read()]
        while self._clock_ns() < end:
            readings.append(self.read())
        return sum(map(self.is_slow, readings)) / len(readings)


def slow_share(cores: Collection[int], seconds: float) -> float:
    """What part of the time the worst of these cores is slow: so long is looked at each.

    The calling thread is held to one after the other, and put back.
    """
    if not cores or not hasattr(os, "sched_setaffinity"):
        return CoreSpeed().slow_share(seconds)
    before, shares = os.sched_getaffinity(0), []
    try:
        for core in cores:
            os.sched_setaffinity(0, {core})
            shares.append(CoreSpeed().slow_share(seconds))
    finally:
        os.sched_setaffinity(0, before)
    return max(shares)


@cache
def speed_of_this_process() -> CoreSpeed:
    """One for all jobs of a process, which stays on its cores."""
    return CoreSpeed()
