"""Who else is on a device: which process is ours, and what the others did. Torch-free."""

import os
import time
from collections import deque
from collections.abc import Callable, Set
from pathlib import Path

from sabench.measure.device import Device, Missing
from sabench.measure.device_watch import Isolation

PROBE_BYTES = 64 * 1024**2
PROBE_SLACK = 4 * 1024**2  # the driver rounds up
HOST_NAMESPACE = "pid:[4026531836]"  # the first one's number, fixed in the kernel's sources
NAMESPACE = Path("/proc/self/ns/pid")

USE_LASTS_S = 1.5  # the driver samples a process's share a few times a second, or once

Allocate = Callable[[], object]
"""Takes PROBE_BYTES of a device that this process already holds; they live as long as the result.
"""


def own_pid(device: Device, allocate: Allocate | None = None) -> int | Missing:
    """The id by which NVML lists this process: the host's, which a container does not know.

    In a container it is the process whose memory grows when we allocate, if that is one alone.
    """
    if is_host():
        return os.getpid()
    if allocate is None:
        return Missing("a container's process ids differ from the host's")
    before = _sizes(device)
    held = allocate()
    after = _sizes(device)
    del held
    for sizes in (before, after):
        if isinstance(sizes, Missing):
            return sizes
    assert not isinstance(before, Missing)
    assert not isinstance(after, Missing)
    grown = [
        pid
        for pid, size in after.items()
        if pid in before and 0 <= size - before[pid] - PROBE_BYTES <= PROBE_SLACK
    ]
    if len(grown) == 1:
        return grown[0]
    return Missing(f"in a container: {len(grown)} of {len(after)} processes grew with our memory")


def is_host() -> bool:
    """Whether this process's id is the one that the host, and so NVML, knows it by."""
    try:
        return os.readlink(NAMESPACE) == HOST_NAMESPACE
    except OSError:
        return False


def _sizes(device: Device) -> dict[int, int] | Missing:
    processes = device.processes()
    if isinstance(processes, Missing):
        return processes
    return {one.pid: one.memory_bytes for one in processes if one.memory_bytes is not None}


class RecentUse:
    """Which processes used a device in the last moments: of samples that come now and then."""

    def __init__(self, device: Device, wall: Callable[[], float] = time.time) -> None:
        self._device, self._wall = device, wall
        self._newest: int | None = None  # sample's time, by the driver's clock: the wall's
        self._recent: deque[tuple[float, frozenset[int]]] = deque()

    def now(self, at_s: float) -> frozenset[int] | Missing:
        """Those with a share above zero in a sample that came within USE_LASTS_S.

        At first, samples of the last moments count if their process still holds the device.
        """
        since = int((self._wall() - USE_LASTS_S) * 1e6) if self._newest is None else self._newest
        told = self._device.uses(since)
        if isinstance(told, Missing):
            return told
        users = frozenset(pid for pid, share in told.shares.items() if share)
        if self._newest is None:
            users &= self._there()
        if told.shares:
            self._newest = told.seen
        self._recent.append((at_s, users))
        while self._recent[0][0] < at_s - USE_LASTS_S:
            self._recent.popleft()
        return frozenset[int]().union(*(pids for _, pids in self._recent))

    def _there(self) -> frozenset[int]:
        processes = self._device.processes()
        if isinstance(processes, Missing):
            return frozenset()
        return frozenset(one.pid for one in processes)


def isolation(
    own: int | Missing, there: Set[int] | None, using: Set[int] | None
) -> tuple[Isolation, tuple[int, ...]]:
    """Whether others used a device, and who, by those who held it and those who used it.

    None: not told. Where our own id is not known, two who used it are one too many; a list that
    leaves us out may leave others out too.
    """
    if isinstance(own, Missing):
        crowd = using or frozenset[int]()
        return ("shared", tuple(sorted(crowd))) if len(crowd) > 1 else ("unverified", ())
    foreign = (using or frozenset[int]()) - {own}
    if foreign:
        return "shared", tuple(sorted(foreign))
    if there is None or own not in there:
        return "unverified", ()
    if not there - {own}:
        return "alone", ()
    return ("unverified" if using is None else "idle neighbour"), ()
