"""A block is judged by what else ran, never by its result."""

import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from sabench.measure import load
from sabench.measure.load import (
    Disturbance,
    ForeignLoad,
    MachineUsage,
    ProcessLoad,
    Usage,
    judge,
    machine_usage,
)
from sabench.records import Flag

pytestmark = pytest.mark.serial

MS = 1_000_000


def judged(
    *, wall: int = 10 * MS, cpu: int, delay: int | None = 0, slept: int = 0, out: int = 0, threads=1
) -> Disturbance:
    start = Usage(0, 0, None if delay is None else 0, 0, 0)
    return judge(start, Usage(wall, cpu, delay, slept, out), threads)


def test_a_thread_that_never_waited_is_undisturbed() -> None:
    assert judged(cpu=10 * MS) is Disturbance.NONE


def test_run_delay_above_two_percent_rejects_a_block() -> None:
    assert judged(cpu=10 * MS, delay=MS // 5) is Disturbance.NONE
    assert judged(cpu=10 * MS, delay=MS // 5 + 1) is Disturbance.WAITED
    assert judged(cpu=12 * MS, delay=MS, threads=2) is Disturbance.WAITED


def test_a_passive_pool_below_full_load_is_undisturbed() -> None:
    assert judged(cpu=15 * MS, slept=8, threads=2) is Disturbance.NONE
    assert judged(cpu=10 * MS, slept=8, threads=2) is Disturbance.NONE


def test_one_thread_that_did_not_run_and_did_not_sleep_was_stolen_from() -> None:
    assert judged(cpu=9 * MS) is Disturbance.STOLEN


def test_a_subject_that_sleeps_is_not_disturbed() -> None:
    assert judged(cpu=1 * MS, slept=1) is Disturbance.NONE


def test_without_run_delay_own_cpu_and_switches_decide() -> None:
    assert judged(cpu=10 * MS, delay=None) is Disturbance.NONE
    assert judged(cpu=9 * MS, delay=None) is Disturbance.STOLEN
    assert judged(cpu=12 * MS, delay=None, threads=2) is Disturbance.NONE
    assert judged(cpu=12 * MS, delay=None, out=1, threads=2) is Disturbance.SWITCHED


def test_slow_results_alone_reject_nothing() -> None:
    assert judged(wall=1000 * MS, cpu=1000 * MS) is Disturbance.NONE


def test_foreign_load_leaves_out_our_own() -> None:
    before = MachineUsage(wall_s=10.0, busy_s=100.0, steal_s=1.0, own_s=5.0, cores=4)
    after = MachineUsage(wall_s=12.0, busy_s=105.0, steal_s=1.02, own_s=7.0, cores=4)
    found = ForeignLoad.between(before, after)
    assert found.foreign == pytest.approx(1.5)
    assert found.steal == pytest.approx(0.01)
    assert found.is_noisy
    assert not ForeignLoad(foreign=0.9, steal=0.03, cores=4).is_noisy
    assert ForeignLoad(foreign=0.0, steal=0.05, cores=4).is_noisy


@pytest.mark.parametrize(("span_s", "cores"), [(0.011, None), (0.19, None), (0.25, 0.22)])
def test_a_span_of_a_few_ticks_tells_no_load(span_s: float, cores: float | None) -> None:
    """Five and a half ticks on two idle cores, as they were read over a job of 11 ms."""
    before = MachineUsage(wall_s=10.0, busy_s=100.0, steal_s=0.0, own_s=5.0, cores=2)
    after = MachineUsage(10.0 + span_s, 100.055, steal_s=0.0, own_s=5.0, cores=2, throttled=1)
    found = ForeignLoad.between(before, after)
    assert found.told()["foreign_cores"] == cores
    assert found.flags == (Flag.CGROUP_THROTTLED,)


def test_a_quota_that_ran_out_has_its_own_flag(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(load, "quota_folders", lambda: (tmp_path,))
    before = machine_usage()
    (tmp_path / "cpu.stat").write_text("nr_periods 9\nnr_throttled 2\nthrottled_usec 7\n")
    found = ForeignLoad.between(before, machine_usage())
    assert found.told()["throttled_periods"] == 2
    assert Flag.CGROUP_THROTTLED in found.flags
    assert Flag.CGROUP_THROTTLED not in ForeignLoad(0.0, 0.0, 4).flags


def test_a_noisy_machine_has_its_flag() -> None:
    assert ForeignLoad(foreign=1.5, steal=0.0, cores=4).flags == (Flag.HOST_NOISY,)
    assert ForeignLoad(foreign=0.0, steal=0.0, cores=4).flags == ()


def test_pressure_is_the_share_of_the_span_in_which_something_waited(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = MachineUsage(10.0, 0.0, 0.0, 0.0, 4, pressure_s=1.0, switched_out=5)
    after = MachineUsage(12.0, 0.0, 0.0, 0.0, 4, pressure_s=1.5, switched_out=9)
    found = ForeignLoad.between(before, after).told()
    assert (found["cpu_pressure"], found["switched_out"]) == (0.25, 4)
    (tmp_path / "cpu").write_text("some avg10=1.0 avg60=2.0 avg300=0.5 total=2500000\nfull x\n")
    monkeypatch.setattr(load, "PRESSURE", tmp_path / "cpu")
    usage = machine_usage()
    assert usage is not None
    assert usage.pressure_s == 2.5


def test_a_kernel_without_pressure_tells_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(load, "PRESSURE", tmp_path / "absent")
    usage = machine_usage()
    assert usage is not None
    assert usage.pressure_s is None
    assert ForeignLoad.between(usage, machine_usage()).told()["cpu_pressure"] is None


def test_a_machine_that_tells_nothing_is_not_called_noisy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(load, "STAT", tmp_path / "absent")
    assert machine_usage() is None
    assert not ForeignLoad.between(None, None).is_noisy


def test_no_thread_counters_means_no_run_delay(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(load, "TASKS", tmp_path / "absent")
    assert ProcessLoad().before().delay_ns is None
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "schedstat").write_text("0 0\n\n")
    monkeypatch.setattr(load, "TASKS", tmp_path)
    assert ProcessLoad().before().delay_ns == 0
    (tmp_path / "1" / "schedstat").write_text("nothing of use")
    assert ProcessLoad().before().delay_ns is None


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="no /proc here")
def test_no_counter_stays_open_after_its_job() -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        ProcessLoad().before()
    assert len(os.listdir("/proc/self/fd")) <= before


def test_garbage_counters_are_no_exception(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "stat").write_text("cpu who knows\n")
    monkeypatch.setattr(load, "STAT", tmp_path / "stat")
    assert machine_usage() is None


SPIN = (
    "import os, sys; os.sched_setaffinity(0, {int(sys.argv[1])}); print(flush=True)\nwhile 1: pass"
)


@pytest.mark.skipif(
    not Path("/proc/self/schedstat").exists(), reason="the kernel keeps no schedstat"
)
def test_a_neighbour_on_our_core_is_seen() -> None:
    cores = os.sched_getaffinity(0)
    core, counters = max(cores), ProcessLoad()
    os.sched_setaffinity(0, {core})
    neighbour = subprocess.Popen(
        [sys.executable, "-c", SPIN, str(core)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert neighbour.stdout is not None
        neighbour.stdout.readline()
        before = counters.before()
        end = time.perf_counter() + 0.2
        while time.perf_counter() < end:
            pass
        assert judge(before, counters.after(), 1) is Disturbance.WAITED
    finally:
        neighbour.kill()
        neighbour.communicate()
        os.sched_setaffinity(0, cores)


def test_the_run_delay_is_read_again_only_after_a_context_switch(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    schedstat = tmp_path / "1" / "schedstat"
    schedstat.parent.mkdir()
    monkeypatch.setattr(load, "TASKS", tmp_path)
    switches = {"ru_nvcsw": 4, "ru_nivcsw": 0}
    monkeypatch.setattr(load.resource, "getrusage", lambda _: SimpleNamespace(**switches))
    counters = ProcessLoad()
    delays = []
    for delay, involuntary in ((5, 0), (900, 0), (900, 1), (2000, 2)):
        schedstat.write_text(f"77 {delay} 3\n")
        switches["ru_nivcsw"] = involuntary
        delays += [counters.before().delay_ns, counters.after().delay_ns]
    assert delays == [5, 5, 5, 5, 900, 900, 2000, 2000]
