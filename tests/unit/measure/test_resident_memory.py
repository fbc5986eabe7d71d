"""Resident memory of this process and its children, against memory that a test touches itself."""

import mmap
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sabench.measure.metrics import resident
from sabench.measure.periodic import Periodic
from sabench.measure.resident_memory import (
    family_memory,
    max_rss,
    reset_peak,
    resident_memory,
)

MIB = 2**20
CHILD = "import sys; held = bytearray(64 * 2**20); held[::4096] = b'1' * 16384; print(); input()"

pytestmark = [
    pytest.mark.serial,
    pytest.mark.skipif(
        not Path(f"/proc/self/task/{os.getpid()}/children").exists(),
        reason="this kernel lists no children",
    ),
]


def test_a_childs_memory_and_its_childs_are_counted() -> None:
    """Turned red by not following a child's own children."""
    before = family_memory()
    grandparent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {CHILD!r}])"
    with subprocess.Popen(
        [sys.executable, "-c", grandparent], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()  # the memory is touched
        during = family_memory()
        child.communicate(b"\n")
    assert before is not None
    assert during is not None
    assert 64 * MIB <= during - before < 128 * MIB


def test_max_rss_is_in_bytes_and_holds_what_is_resident() -> None:
    with mmap.mmap(-1, 64 * MIB) as pages:
        pages.write(b"1" * len(pages))
        held = resident_memory()
        assert held is not None
        # the kernel counts pages in batches
        assert 0.95 * held.now < max_rss() <= 1.05 * max(held.peak, held.now)


def test_growth_tells_the_family_and_the_highest_beside_it() -> None:
    def call() -> None:
        with subprocess.Popen(
            [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(0.1)  # five looks
            child.communicate(b"\n")

    execution: Any = SimpleNamespace(
        call=call, growth_start=reset_peak(), first_peak=resident_memory()
    )
    (reading,) = resident.measure(None, execution, None).values()  # type: ignore[arg-type]
    now = resident_memory()
    assert now is not None
    if not reading.samples:
        pytest.skip(reading.reason)
    told = reading.details
    assert isinstance(told["with_children_bytes"], int)
    assert told["with_children_bytes"] >= now.now + 60 * MIB
    assert told["ru_maxrss_bytes"] == pytest.approx(told["peak_bytes"], rel=0.05)
    assert (reading.median or 0) < 32 * MIB  # the child's is not ours


def test_a_reader_keeps_what_it_read_before_it_failed() -> None:
    told = iter([1.0, 2.0])

    def read() -> float:
        try:
            return next(told)
        except StopIteration:
            raise OSError("gone") from None

    with Periodic(read, 1e-3) as log:
        time.sleep(0.05)
    assert [value for _, value in log.taken] == [1.0, 2.0]
    assert log.reason == "gone"


def test_a_reader_reads_at_both_ends_however_short_the_block() -> None:
    values = iter(range(2))
    with Periodic(lambda: next(values), 60.0) as log:
        pass
    assert [value for _, value in log.taken] == [0, 1]
