"""Whether our core is ours alone: a product and a division of integers, timed beside our blocks.

A virtual machine's core may be one hardware thread of two, the other one another machine's. No
counter tells of its work, steal and run delay stay at zero, and calls take up to twice as long. A
product keeps many units of the core busy, so a neighbour on the other thread slows it; a division
waits for itself digit after digit, and is hardly slowed. Their ratio tells the neighbour from a
clock that falls, which slows both. Torch-free.
"""

import math
import os
import platform
import time
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import cache
from itertools import pairwise

from sabench.catalog.presets import SLOW_CORE
from sabench.measure.core_company import Company, on_each

SEEK_S = 0.2  # of readings, by a process that is not told how fast its core can be
LOW = 0.01  # of the readings: the best is there, and not an extreme that falls with their number
SEEN = 3  # readings at least that are as low
STEP = 0.01  # of a ratio: so fine they are kept apart
LOOK_EVERY = 50  # readings
READING = "in turns"  # how: what was read otherwise does not count
LEFT, RIGHT = ((1 << 1800) // divisor for divisor in (3, 7))
LONG = (1 << 12_000) // 3
"""Both works take about 3 us, and their digits fit the L1 cache."""


def what_is_timed() -> str:
    """The two works, and whose: what another build of Python took for others is no like of it."""
    return " ".join((platform.python_version(), platform.python_compiler(), READING))


def multiply() -> int:
    """Bound by what the core can do at once."""
    return LEFT * RIGHT


def divide() -> int:
    """Bound by how long one step takes: each needs the one before."""
    return LONG // 7


class CoreSpeed:
    """Readings of the core that we run on: time of a product over that of a division.

    Of all cores of several threads, once it is told them.
    """

    def __init__(self, clock_ns: Callable[[], int] = time.perf_counter_ns) -> None:
        self._clock_ns = clock_ns
        self._company: Company | None = None  # where several cores are ours
        self.reads_all = True  # False: several are ours, and one of them is read
        self._counts, self._n = Counter[int](), 0  # of our readings, by the logarithm in steps
        self._own = self._told = 0.0

    @property
    def best(self) -> float:
        """The ratio of a core that nothing shares, as far as it was seen; 0: not yet.

        One in a hundred of our readings is as low, or what earlier processes found is lower.
        """
        own, told = self._own, self._told
        return min(own, told) if own and told else own or told

    @property
    def own(self) -> float:
        """The same by our readings alone: what a later process is told."""
        return self._own

    def attend(self, cores: Collection[int]) -> None:
        """Read these from now on, where they are several: those that this process is held to."""
        if self._company is not None:
            self._company.end()
        self._company, self.reads_all = None, True
        if len(cores) > 1:
            with suppress(OSError, RuntimeError, MemoryError):
                self._company = Company(cores)
            self.reads_all = self._company is not None

    def read(self) -> float:
        """The shortest of three products over the shortest of four divisions; of several cores (of
        more than four in turns) the worst, each while the others work as they do in a block.

        Where that is refused, now or earlier, it is of whichever core we are on."""
        if self._company is not None:
            try:
                return max(self._company.look_at_each(self._read))
            except (OSError, RuntimeError):
                self._company.end()
                self._company, self.reads_all = None, False
        return self._read()

    def _read(self) -> float:
        product, division = self._shortest()
        if product <= 0 or division <= 0:  # a clock too coarse for them tells nothing
            return self.best
        ratio = product / division
        self._keep(ratio)
        return ratio

    def _keep(self, ratio: float) -> None:
        self._counts[round(math.log(ratio) / STEP)] += 1
        self._n += 1
        if self._n > LOOK_EVERY and self._n % LOOK_EVERY:
            return
        left = min(self._n, max(SEEN, math.ceil(LOW * self._n)))
        for step in sorted(self._counts):
            left -= self._counts[step]
            if left <= 0:
                self._own = math.exp(STEP * step)
                return

    def _shortest(self) -> tuple[int, int]:
        """Of three products with a division before and after each, behind one of each that fetches
        the digits: where a neighbour comes or goes, each product has a division on its side."""
        clock = self._clock_ns
        multiply()
        divide()
        times = [clock()]
        for _ in range(3):
            divide()
            times.append(clock())
            multiply()
            times.append(clock())
        divide()
        times.append(clock())
        spans = [late - early for early, late in pairwise(times)]
        return min(spans[1::2]), min(spans[::2])

    def learn(self, best: float) -> None:
        """What earlier processes on these cores found; 0: nothing."""
        self._told = best

    def seek(self, seconds: float = SEEK_S) -> None:
        """Read for so long: a neighbour that rests now and then is seen as one."""
        end = self._clock_ns() + int(seconds * 1e9)
        while self._clock_ns() < end:
            self.read()

    def is_slow(self, reading: float, limit: float = SLOW_CORE) -> bool:
        """Whether something took a part of the core: above `limit` times the best."""
        return reading > limit * self.best

    def slow_share(self, seconds: float) -> float:
        """What part of that long the core is shared: of the time that readings take."""
        now = self._clock_ns()
        end, seen = now + int(seconds * 1e9), list[tuple[float, int]]()
        while now < end:
            reading, before = self.read(), now
            now = self._clock_ns()
            seen.append((reading, now - before))
        slow_ns = sum(span for reading, span in seen if self.is_slow(reading))
        return slow_ns / max(1, sum(span for _, span in seen))


def slow_share(cores: Collection[int], seconds: float, told: float = 0.0) -> float:
    """What part of the time the worst of these cores is shared: so long is looked at each.

    `told`: how fast earlier processes saw them; 0: not known. Then a neighbour that is busy all the
    time is not seen. Where a thread cannot be held to a core, that one is looked at that it is on.
    """
    if cores and hasattr(os, "sched_setaffinity"):
        with suppress(OSError):
            return max(on_each(cores, lambda core: _speed_of(core, told).slow_share(seconds)))
    return _speed_of(None, told).slow_share(seconds)


@cache
def _speed_of(core: int | None, told: float) -> CoreSpeed:
    """One for all looks at a core: a neighbour that is busy through the whole of one look is known
    by an earlier one. None: whichever core we are on."""
    speed = CoreSpeed()
    speed.learn(told)
    return speed


@cache
def speed_of_this_process() -> CoreSpeed:
    """One for all jobs of a process, which stays on its cores."""
    return CoreSpeed()
