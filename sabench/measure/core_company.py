"""Cores looked at one after the other: alone, or while threads of ours work on the others.

Where something unseen shares a machine's cores, its two threads of ours may run on one core too:
the hypervisor moves them. That is seen on a core only while the other one works. Torch-free.
"""

import hashlib
import os
import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress

from sabench.measure.cores import hardware_siblings

AT_ONCE = 4  # cores looked at at once; of more, the first and three others in turns
STACK_BYTES = 256 * 1024  # of a thread that hashes; its arena takes 64 MiB of addresses besides
WORK_S = 200e-6  # of hashing while a core is looked at, which takes some 40 us,
WORK_S_A_CORE = 20e-6  # and so much for each to be called, as they begin one after the other
PROBE_BYTES = 64 * 1024


def on_each(cores: Collection[int], look: Callable[[int], float]) -> list[float]:
    """What a look finds on each of these cores, to which the calling thread is held one after the
    other; then it is put back.

    Raises: OSError where that is refused.
    """
    before, found = os.sched_getaffinity(0), []
    try:
        for core in cores:
            os.sched_setaffinity(0, {core})
            found.append(look(core))
    finally:
        with suppress(OSError):
            os.sched_setaffinity(0, before)
    return found


def hashed_a_second() -> float:
    """Bytes, by the best of three."""
    probe, spans = bytes(PROBE_BYTES), []
    for _ in range(3):
        start = time.perf_counter()
        hashlib.sha512(probe)
        spans.append(time.perf_counter() - start)
    return PROBE_BYTES / min(spans)


class Company:
    """A waiting thread on each core of this process, at work while another core is looked at.

    Those on the hardware threads that are known to share that core rest: they are ours, and so is
    what they cost.

    Raises: OSError or RuntimeError where the threads cannot be had.
    """

    def __init__(self, cores: Collection[int]) -> None:
        self._first, *self._rest = sorted(cores)
        self._siblings = {core: hardware_siblings(core) for core in cores}
        self._work = bytes(int((WORK_S + WORK_S_A_CORE * len(cores)) * hashed_a_second()))
        self._begun, self._ended = threading.Semaphore(0), threading.Semaphore(0)
        self._calls = {core: threading.Semaphore(0) for core in cores}
        before = threading.stack_size(STACK_BYTES)
        try:
            for core in cores:
                threading.Thread(target=self._wait_and_work, args=(core,), daemon=True).start()
        finally:
            threading.stack_size(before)

    def look_at_each(self, look: Callable[[], float]) -> list[float]:
        """What a look finds on each core, or on the next few of many, all others at work.

        The calling thread ends on the first, where those that wait on the others leave it alone.

        Raises: OSError where a thread is not moved.
        """
        some, left = self._rest[: AT_ONCE - 1], self._rest[AT_ONCE - 1 :]
        self._rest = left + some
        return on_each((*some, self._first), lambda core: self._look_beside_others(core, look))

    def _look_beside_others(self, core: int, look: Callable[[], float]) -> float:
        near = self._siblings[core]
        others = [call for at, call in self._calls.items() if at != core and at not in near]
        for call in others:
            call.release()
        for _ in others:
            self._begun.acquire()
        try:
            return look()
        finally:
            for _ in others:
                self._ended.acquire()

    def _wait_and_work(self, core: int) -> None:
        """Hash whenever called: it lets go of the interpreter, so others run meanwhile."""
        with suppress(OSError):  # then it is refused to the calling thread too, which says so
            os.sched_setaffinity(0, {core})
        while True:
            self._calls[core].acquire()
            self._begun.release()
            with suppress(MemoryError):  # under a limit; then the look is at a core beside a rest
                hashlib.sha512(self._work)
            self._ended.release()
