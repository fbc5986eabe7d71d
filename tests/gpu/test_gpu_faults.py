"""Faults on a real device: out of memory, a kernel that hangs, others on the device."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from on_gpu import DEVICE, MARKS, measure_on_gpu, seed_that_starts_it_in_the_middle

from making_runs import case
from processes import living
from sabench.cases.case import Case
from sabench.launch.events import Event, JobStarted
from sabench.records import Flag, Record, Status

pytestmark = MARKS

HERE = Path(__file__).parent
NOISE = 0.03  # the least effect that a comparison calls one
BACK_WITHIN_S = 10.0
RUNS, DEMANDED = 20, 19


@contextmanager
def neighbour(duty: float) -> Iterator[None]:
    """Another process that keeps the device busy for that share of the time."""
    command = [sys.executable, str(HERE / "neighbour.py"), str(duty)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield
        finally:
            process.kill()


def used_bytes() -> int:
    free, total = torch.cuda.mem_get_info(DEVICE)
    return total - free


def flags_of(record: Record) -> set[Flag]:
    return set(record.flags).union(*(reading.flags for reading in record.readings.values()))


def test_a_case_without_memory_leaves_its_neighbours_as_they_were(tmp_path: Path) -> None:
    honest = tuple(case("conv", size=size, batch=32) for size in (28, 42, 56, 70))
    too_big = case("AsksTooMuch", file=f"{HERE / 'hostile_gpu_layers.py'}:AsksTooMuch")
    cases = (*honest, too_big)
    seed = seed_that_starts_it_in_the_middle(cases, too_big)
    alone = {r.case_id: r for r in measure_on_gpu(tmp_path / "alone", honest, seed)}
    among = {r.case_id: r for r in measure_on_gpu(tmp_path / "among", cases, seed)}
    oom = among.pop(too_big.case_id)
    assert oom.status is Status.OOM
    assert oom.details["requested_bytes"]
    assert oom.details["total_bytes"]
    assert {key: record.status for key, record in among.items()} == {
        key: record.status for key, record in alone.items()
    }
    for key, record in among.items():
        here, there = (one.readings["latency_warm"].median for one in (record, alone[key]))
        assert here == pytest.approx(there, rel=NOISE), key


@pytest.mark.parametrize("name", ["HangsTheDevice", "HoldsMemory"])
def test_a_case_that_hangs_is_killed_and_its_memory_comes_back(tmp_path: Path, name: str) -> None:
    before = used_bytes()
    hangs = case(name, channels=16, size=8, file=f"{HERE / 'hostile_gpu_layers.py'}:{name}")
    seen: list[dict[int, str]] = []

    def look(event: Event) -> None:
        if isinstance(event, JobStarted):
            seen.append(living(tmp_path))

    start = time.monotonic()
    records = measure_on_gpu(tmp_path / "run", (hangs,), listener=look, deadline_s=5.0)
    took = time.monotonic() - start
    assert {record.status for record in records} == {Status.TIMEOUT}
    assert took < len(records) * (5.0 + 10.0 + 20.0)  # deadline, kill, start
    end = time.monotonic() + BACK_WITHIN_S
    while used_bytes() > before + 64 * 2**20 and time.monotonic() < end:
        time.sleep(0.1)
    assert used_bytes() <= before + 64 * 2**20
    assert [len(found) > 0 for found in seen] == [True] * len(records)
    assert living(tmp_path) == {}


def many_cases() -> tuple[Case, ...]:
    return tuple(case("conv", size=28 + n, batch=16) for n in range(RUNS))


def test_foreign_load_at_thirty_percent_is_flagged(tmp_path: Path) -> None:
    with neighbour(0.3):
        records = measure_on_gpu(tmp_path / "run", many_cases())
    first = [record for record in records if record.attempt == 1]
    seen = [
        record.status is Status.CONTENDED or Flag.CONTENDED in flags_of(record) for record in first
    ]
    assert len(seen) == RUNS
    assert sum(seen) >= DEMANDED


def test_an_idle_context_is_named_and_is_no_contention(tmp_path: Path) -> None:
    with neighbour(0):
        records = measure_on_gpu(tmp_path / "run", many_cases())
    assert sum(Flag.FOREIGN_IDLE in flags_of(record) for record in records) >= DEMANDED
    assert not [record for record in records if record.status is Status.CONTENDED]


def test_an_empty_device_is_called_neither(tmp_path: Path) -> None:
    records = measure_on_gpu(tmp_path / "run", many_cases()[:5])
    for record in records:
        assert not flags_of(record) & {Flag.CONTENDED, Flag.FOREIGN_IDLE}
