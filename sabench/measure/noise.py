"""Noise on purpose: processes that keep given cores busy. Torch-free."""

import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

SPIN = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {int(sys.argv[1])})
os.write(1, b"x")
while True:
    pass
"""
"""Ends with its parent (prctl 1 is PR_SET_PDEATHSIG), and tells when it begins to spin."""


@contextmanager
def busy_neighbours(cores: Iterable[int]) -> Iterator[None]:
    """One process spinning on each core, from the first line of the block to its end."""
    started: list[subprocess.Popen[bytes]] = []
    try:
        for core in cores:
            command = [sys.executable, "-I", "-S", "-c", SPIN, str(core)]
            started.append(subprocess.Popen(command, stdout=subprocess.PIPE))
        for one in started:
            assert one.stdout is not None  # it was asked for
            one.stdout.read(1)
        yield
    finally:
        for one in started:
            one.kill()
            one.communicate()
