"""Cores looked at one after the other: alone, or while threads of ours work on the others.

Where something unseen shares a machine's cores, its two threads of ours may run on one core too:
the hypervisor moves them. That is seen on a core only while the other one works. Torch-free.
"""

import hashlib
import os
import threading
import time
from _thread import start_new_thread
from collections.abc import Callable, Collection
from contextlib import suppress

from sabench.measure.cores import hardware_siblings

AT_ONCE = 4  # cores looked at at once; of more, the first and three others in turns
STACK_BYTES = 256 * 1024  # of a thread that hashes; its arena takes 64 MiB of addresses besides
WORK_S = 200e-6  # of hashing while a core is looked at, which takes some 40 us,
WORK_S_A_CORE = 20e-6  # and so much for each to be called, as they begin one after the other
PROBE_BYTES = 64 * 1024
TICK_S = 1e-6  # at least is hashed for: a coarse clock may see no time pass
WAIT_S = 10.0  # for a thread: where memory ends while it starts, it never comes


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
    return PROBE_BYTES / max(TICK_S, min(spans))


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
        self._is_over = False
        before = threading.stack_size(STACK_BYTES)
        try:
            self._start(before)
            self._await(self._begun, len(cores))
        except BaseException:
            self.end()
            raise

    def _start(self, stack_bytes: int) -> None:
        try:
            for core in self._calls:
                start_new_thread(self._wait_and_work, (core,))
        finally:
            threading.stack_size(stack_bytes)

    def end(self) -> None:
        """Let the threads go, those too that never began or hang in their work once they wait."""
        self._is_over = True
        for call in self._calls.values():
            call.release()

    def look_at_each(self, look: Callable[[], float]) -> list[float]:
        """What a look finds on each core, or on the next few of many, all others at work.

        The calling thread ends on the first, where those that wait on the others leave it alone.

        Raises: OSError where a thread is not moved, RuntimeError where one is gone.
        """
        some, left = self._rest[: AT_ONCE - 1], self._rest[AT_ONCE - 1 :]
        self._rest = left + some
        return on_each((*some, self._first), lambda core: self._look_beside_others(core, look))

    def _look_beside_others(self, core: int, look: Callable[[], float]) -> float:
        near = self._siblings[core]
        others = [call for at, call in self._calls.items() if at != core and at not in near]
        for call in others:
            call.release()
        self._await(self._begun, len(others))
        try:
            return look()
        finally:
            self._await(self._ended, len(others))

    def _await(self, told: threading.Semaphore, times: int) -> None:
        for _ in range(times):
            if not told.acquire(timeout=WAIT_S):
                raise RuntimeError("a thread beside ours is gone")

    def _wait_and_work(self, core: int) -> None:
        """Hash whenever called: it lets go of the interpreter, so others run meanwhile."""
        with suppress(OSError):  # then it is refused to the calling thread too, which says so
            os.sched_setaffinity(0, {core})
        self._begun.release()
        while self._calls[core].acquire() and not self._is_over:
            self._begun.release()
            with suppress(MemoryError):  # under a limit; then the look is at a core beside a rest
                hashlib.sha512(self._work)
            self._ended.release()
