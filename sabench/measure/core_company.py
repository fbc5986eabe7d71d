"""Cores looked at one after the other: alone, or while threads of ours work on the others.

Where something unseen shares a machine's cores, its two threads of ours may run on one core too:
the hypervisor moves them. That is seen on a core only while the other one works. Torch-free.
"""

import hashlib
import os
import threading
from collections.abc import Callable, Collection
from contextlib import suppress

AT_ONCE = 4  # cores looked at before and after a block; of more, the first and three in turns
STACK_BYTES = 256 * 1024  # of a thread that hashes: more counts against a memory limit
WORK_BYTES = 32 * 1024  # and half of it for each core: hashed in 0.1 ms on two, a look takes 40 us


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


class Company:
    """A waiting thread on each core of this process, at work while another core is looked at.

    Raises: OSError or RuntimeError where the threads cannot be had.
    """

    def __init__(self, cores: Collection[int]) -> None:
        self._first, *self._rest = sorted(cores)
        self._work = bytes(WORK_BYTES + WORK_BYTES // 2 * len(cores))
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
        others = [call for at, call in self._calls.items() if at != core]
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
            hashlib.sha512(self._work)
            self._ended.release()
