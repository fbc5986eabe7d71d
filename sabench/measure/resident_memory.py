"""Resident memory of this process: now, and at the peak since the peak was last reset."""

import ctypes
import os
import resource
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

STATUS = Path("/proc/self/status")
CLEAR_REFS = Path("/proc/self/clear_refs")
PROC = Path("/proc")
KIB = 1 if sys.platform == "darwin" else 1024  # what ru_maxrss counts in


@dataclass(frozen=True, slots=True)
class ResidentMemory:
    """Bytes in memory now and at the peak; `was_reset`: the peak counts from here on."""

    now: int
    peak: int
    was_reset: bool = False


def resident_memory() -> ResidentMemory | None:
    """VmRSS and VmHWM; None where there is no /proc."""
    try:
        lines = STATUS.read_text().splitlines()
        fields = {key: rest for key, _, rest in (line.partition(":") for line in lines)}
        now, peak = (1024 * int(fields[key].split()[0]) for key in ("VmRSS", "VmHWM"))
    except (OSError, KeyError, ValueError):
        return None
    return ResidentMemory(now, peak)


def reset_peak() -> ResidentMemory | None:
    """Give freed pages back, begin a new peak where the kernel lets us, and read both.

    The pinned allocator keeps what was freed: a call that takes such pages again would not grow.
    """
    if sys.platform == "linux":
        with suppress(AttributeError):  # glibc has it, musl has not
            ctypes.CDLL(None).malloc_trim(0)
    was_reset = False
    with suppress(OSError):
        descriptor = os.open(CLEAR_REFS, os.O_WRONLY)
        try:
            was_reset = os.write(descriptor, b"5") == 1  # 5: VmHWM becomes VmRSS
        finally:
            os.close(descriptor)
    found = resident_memory()
    return ResidentMemory(found.now, found.peak, was_reset) if found else None


def max_rss() -> int:
    """ru_maxrss, also where there is no /proc; on Linux resetting the peak resets it too."""
    return KIB * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def family_memory() -> int | None:
    """Resident bytes of this process and all its descendants; None where there is no /proc."""
    pages, waiting = 0, [os.getpid()]
    while waiting:
        pid = waiting.pop()
        try:
            pages += int((PROC / str(pid) / "statm").read_text().split()[1])
            for task in (PROC / str(pid) / "task").iterdir():
                with suppress(OSError):  # the thread ended, or an older kernel lists no children
                    waiting += map(int, (task / "children").read_text().split())
        except (OSError, ValueError, IndexError):
            if pid == os.getpid():
                return None
    return pages * os.sysconf("SC_PAGE_SIZE")
