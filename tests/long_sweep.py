"""A long sweep under the fake runtime, real child and all, and what it costs the parent."""

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from faking import fake_case
from making_runs import new_run, preset
from sabench.launch import sweep as sweeping
from sabench.launch.process import ProcessLauncher
from sabench.measure.resident_memory import reset_peak, resident_memory
from sabench.records import Record
from sabench.store import journal
from sabench.store.run_folder import RunFolder

WARM_UP = 20  # cases of a first sweep: what it loads is no growth
SAME_WORK = bytes(100_000)  # to hash takes about as long as an append does


@dataclass(slots=True)
class Appends:
    """Seconds of each append to the journal: ours, and inside fsync."""

    own_s: list[float] = field(default_factory=list)  # processor time of serialise and write
    wall_s: list[float] = field(default_factory=list)  # wall time of the same
    fsync_s: list[float] = field(default_factory=list)  # wall time of waiting for the disk
    same_s: list[float] = field(default_factory=list)  # processor time of the same work each time


@dataclass(frozen=True, slots=True)
class Cost:
    """What so many cases left in the parent."""

    records: list[Record]
    grown_bytes: int
    files: int  # open ones more than before
    processes: int  # children that were not there before
    seconds: float
    appends: Appends

    def p99(self, name: str) -> float:
        """The 99th percentile of a list of `appends`."""
        return float(np.quantile(getattr(self.appends, name), 0.99))


def run_long_sweep(folder: Path, cases: int) -> Cost:
    """Sweep `cases` one-number cases in one child, after a short sweep that loads everything."""
    sweeping.sweep(_run(folder / "first", WARM_UP), ProcessLauncher())
    run = _run(folder / "long", cases)
    files, others = open_files(), set(children())
    memory, start = begin_peak(), time.monotonic()
    with _timed_appends() as appends:
        records = sweeping.sweep(run, ProcessLauncher())
    return Cost(
        records=records,
        grown_bytes=peak_bytes() - memory,
        files=open_files() - files,
        processes=len(set(children()) - others),
        seconds=time.monotonic() - start,
        appends=appends,
    )


def _run(path: Path, cases: int) -> RunFolder:
    sizes = range(1, cases + 1)
    return new_run(path, tuple(map(fake_case, sizes)), preset=preset(processes=1))


@contextmanager
def _timed_appends() -> Iterator[Appends]:
    found, sync, append = Appends(), os.fsync, journal.append

    def timed_sync(descriptor: int) -> None:
        start, own = time.perf_counter(), time.thread_time()
        sync(descriptor)
        waits.append((time.perf_counter() - start, time.thread_time() - own))

    def timed_append(*arguments: Any) -> Record:
        waits.clear()
        start, own = time.perf_counter(), time.thread_time()
        stored = append(*arguments)
        wall, used = time.perf_counter() - start, time.thread_time() - own
        waited = sum(one for one, _ in waits)
        found.own_s.append(used - sum(one for _, one in waits))
        found.wall_s.append(wall - waited)
        found.fsync_s.append(waited)
        own = time.thread_time()
        hashlib.sha256(SAME_WORK).digest()
        found.same_s.append(time.thread_time() - own)
        return stored

    waits: list[tuple[float, float]] = []
    with patch.object(os, "fsync", timed_sync), patch.object(journal, "append", timed_append):
        yield found


def open_files() -> int:
    """File descriptors of this process."""
    return len(os.listdir("/proc/self/fd"))


def begin_peak() -> int:
    """Memory of this process now; its peak counts from here, whatever ran in it before."""
    found = reset_peak()
    assert found is not None
    assert found.was_reset
    return found.now


def peak_bytes() -> int:
    """The most memory this process has had since."""
    found = resident_memory()
    assert found is not None
    return found.peak


def children() -> list[int]:
    """Processes that this one has started and that are there."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        found += [int(pid) for pid in (task / "children").read_text().split()]
    return found
