"""Watching a device from a thread and from a process: on a fake NVML whose script changes."""

import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fakes.nvml import DRIVER_NOT_LOADED, GPU_IS_LOST, NO_PERMISSION, NOT_SUPPORTED, FakeNvml
from sabench.measure.device import Missing
from sabench.measure.device_readings import DeviceReading, ReadingLog, span_of
from sabench.measure.device_watch import DeviceSpan, DeviceWatch
from sabench.measure.sampler import DeviceSampler, spare_cores
from sabench.measure.sampler_process import ProcessSampler

pytestmark = pytest.mark.serial

GPU, PERIOD_S, LONG_S = "GPU-00000", 0.01, 20.0
OURS = f"{os.getpid()}:1000"


def reading(at_s: float, **values: Any) -> DeviceReading:
    return DeviceReading(at_s=at_s, **values)


def test_a_span_is_median_clock_mean_power_and_highest_temperature() -> None:
    found = span_of(
        [
            reading(0, sm_clock_mhz=1000, power_w=100, temperature_c=50, events={"gpu_idle"}),
            reading(1, sm_clock_mhz=1900, power_w=400, temperature_c=70, events={"sw_power_cap"}),
            reading(2, sm_clock_mhz=1980, power_w=400, temperature_c=60, events=frozenset()),
        ],
        own=Missing("unknown"),
    )
    assert found == DeviceSpan(3, 1900, 300, 70, frozenset({"gpu_idle", "sw_power_cap"}))


def test_what_was_never_told_is_none_and_no_number() -> None:
    assert span_of([], own=1) == DeviceSpan()
    assert span_of([reading(0), reading(1)], own=1) == DeviceSpan(readings=2)


def test_one_reading_with_a_neighbour_at_work_is_a_shared_span() -> None:
    alone = reading(0, pids={1}, users={1})
    idle = reading(1, pids={1, 2}, users={1})
    shared = reading(2, pids={1, 2}, users={1, 2})
    assert span_of([alone, alone], own=1).isolation == "alone"
    assert span_of([alone, idle], own=1).isolation == "idle neighbour"
    assert span_of([alone, idle, reading(3)], own=1).isolation == "unverified"
    found = span_of([alone, idle, reading(3), shared], own=1)
    assert (found.isolation, found.foreign) == ("shared", (2,))


def log_of(*times: float, kept: int = 100) -> ReadingLog:
    log = ReadingLog(kept)
    log.own = 1
    for at_s in times:
        log.add(reading(at_s, sm_clock_mhz=at_s))
    return log


@pytest.mark.parametrize(
    ("start", "end", "n", "clock"),
    [
        (1.0, 3.0, 3, 2.0),
        (1.5, 2.5, 1, 2.0),
        (2.1, 2.3, 1, 2.0),
        (2.7, 2.9, 1, 3.0),
        (-0.9, -0.5, 1, 1.0),
        (5.5, 5.6, 1, 4.0),
    ],
)
def test_a_span_without_a_reading_has_the_nearest(
    start: float, end: float, n: int, clock: float
) -> None:
    found = log_of(1.0, 2.0, 3.0, 4.0).between(start, end)
    assert (found.readings, found.sm_clock_mhz) == (n, clock)


def test_a_reader_that_has_ended_says_nothing_of_what_came_later() -> None:
    """The last reading is of 4 s."""
    log = log_of(1.0, 4.0)
    assert log.between(5.9, 5.95).readings == 1
    assert log.between(6.1, 6.2) == DeviceSpan(isolation="unverified")


def test_the_oldest_readings_make_room() -> None:
    log = log_of(*map(float, range(1000)), kept=40)
    assert log.between(0, 1000).readings <= 40
    assert log.between(999, 1000).sm_clock_mhz == 999


def test_the_first_reason_of_each_value_is_kept() -> None:
    log = log_of()
    log.add(reading(0, missing={"power_w": "Not Supported"}))
    log.add(reading(1, missing={"power_w": "GPU is lost", "pids": "GPU is lost"}))
    assert log.reason == "pids: GPU is lost; power_w: Not Supported"
    log.own = Missing("in a container")
    assert log.reason.startswith("own process: in a container; ")


@pytest.fixture(params=[DeviceSampler, ProcessSampler], ids=["thread", "process"])
def sampler(
    request: pytest.FixtureRequest, nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], Any]]:
    """Starts a watch of the one device; it is stopped at the end."""
    for name, value in nvml.environ.items():
        monkeypatch.setenv(name, value)
    nvml.script(compute=OURS)
    started: list[Any] = []

    def start() -> Any:
        watch: DeviceWatch = request.param(GPU, PERIOD_S, lambda device: os.getpid())
        watch.start()
        started.append(watch)
        return watch

    yield start
    for watch in started:
        watch.stop()


def await_span(watch: DeviceWatch, is_it: Callable[[DeviceSpan], bool]) -> DeviceSpan:
    """The last moments, once they are as they shall be; fails when that takes long."""
    end = time.perf_counter() + LONG_S
    while time.perf_counter() < end:
        span = watch.between(time.perf_counter(), time.perf_counter())
        if is_it(span):
            return span
        time.sleep(PERIOD_S)
    raise AssertionError(f"still {span}, {watch.reason}")


def test_there_is_a_reading_as_soon_as_it_has_started(sampler: Callable[[], Any]) -> None:
    before = time.perf_counter()
    watch = sampler()
    found = watch.between(before, time.perf_counter())  # one clock for both processes
    assert found.readings >= 1
    assert (found.sm_clock_mhz, found.power_w, found.temperature_c) == (1980, 350, 55)
    assert watch.reason == ""


def test_what_changes_is_read_while_it_lasts(nvml: FakeNvml, sampler: Callable[[], Any]) -> None:
    watch = sampler()
    nvml.change(events=0x40, sm_clock_mhz=900)
    hot = await_span(watch, lambda span: bool(span.events))
    assert hot.events == {"hw_thermal_slowdown"}
    middle = time.perf_counter()
    nvml.change(events=0, sm_clock_mhz=1980)
    assert await_span(watch, lambda span: not span.events).sm_clock_mhz == 1980
    whole = watch.between(0, time.perf_counter())
    assert whole.events == {"hw_thermal_slowdown"}
    assert whole.readings > watch.between(middle, time.perf_counter()).readings


def test_another_process_at_work_and_one_at_rest_are_told_apart(
    nvml: FakeNvml, sampler: Callable[[], Any]
) -> None:
    watch = sampler()
    assert watch.between(0, 1e9).isolation == "alone"
    nvml.change(compute=f"{OURS} 77:5")
    await_span(watch, lambda span: span.isolation == "idle neighbour")
    nvml.change(use=f"{os.getpid()}:60 77:30")
    assert await_span(watch, lambda span: span.isolation == "shared").foreign == (77,)


def test_two_runs_on_a_device_see_each_other_all_the_time(nvml: FakeNvml) -> None:
    nvml.script(compute="40:1 41:1", use="40:50 41:50")
    seen: dict[int, list[DeviceSpan]] = {40: [], 41: []}
    for own, spans in seen.items():
        watch = DeviceSampler(GPU, PERIOD_S, lambda device, own=own: own)
        watch.start()
        for _ in range(20):
            begin = time.perf_counter()
            time.sleep(2e-3)
            spans.append(watch.between(begin, time.perf_counter()))
        watch.stop()
    assert {(one.isolation, one.foreign) for one in seen[40]} == {("shared", (41,))}
    assert {(one.isolation, one.foreign) for one in seen[41]} == {("shared", (40,))}


@pytest.mark.parametrize(
    ("call", "code", "told"),
    [
        ("nvmlInit", DRIVER_NOT_LOADED, "NVML: Driver Not Loaded"),
        ("nvmlInit", NO_PERMISSION, "NVML: Insufficient Permissions"),
        ("nvmlDeviceGetHandleByUUID", GPU_IS_LOST, "NVML: GPU is lost"),
    ],
)
def test_an_nvml_that_does_not_open_leaves_empty_spans_and_a_reason(
    nvml: FakeNvml, sampler: Callable[[], Any], call: str, code: int, told: str
) -> None:
    nvml.change(**{f"error.{call}": code})
    watch = sampler()
    assert watch.reason == told
    assert watch.between(0, 1e9) == DeviceSpan()


def test_a_device_that_is_lost_midway_keeps_what_was_read(
    nvml: FakeNvml, sampler: Callable[[], Any]
) -> None:
    watch = sampler()
    nvml.change(**{"error.device": GPU_IS_LOST})
    lost = await_span(watch, lambda span: span.sm_clock_mhz is None)
    assert lost.isolation == "unverified"
    assert "sm_clock_mhz: GPU is lost" in watch.reason
    assert watch.between(0, 1e9).sm_clock_mhz == 1980


def test_one_value_that_is_refused_costs_no_other(
    nvml: FakeNvml, sampler: Callable[[], Any]
) -> None:
    nvml.change(**{"error.nvmlDeviceGetPowerUsage": NOT_SUPPORTED})
    watch = sampler()
    found = watch.between(0, 1e9)
    assert (found.power_w, found.sm_clock_mhz, found.isolation) == (None, 1980, "alone")
    assert watch.reason == "power_w: Not Supported"


def test_nothing_is_read_after_the_end_and_what_was_read_stays(sampler: Callable[[], Any]) -> None:
    watch = sampler()
    watch.stop()
    stopped = time.perf_counter()
    time.sleep(5 * PERIOD_S)
    assert watch.between(0, stopped).readings == watch.between(0, 1e9).readings >= 1
    watch.stop()


@pytest.mark.alone
def test_the_thread_leaves_the_measured_core(nvml: FakeNvml) -> None:
    here = os.sched_getaffinity(0)
    if len(here) < 2 or not os.sched_getaffinity(os.getppid()) >= here:
        pytest.skip("there is no other core")
    measured = max(here)
    try:
        os.sched_setaffinity(0, {measured})
        watch = DeviceSampler(GPU, PERIOD_S)
        watch.start()
        (thread,) = (one for one in threading.enumerate() if one.name == "sabench-watch")
        end = time.perf_counter() + LONG_S
        while measured in os.sched_getaffinity(thread.native_id or 0):
            assert time.perf_counter() < end
            time.sleep(PERIOD_S)
        assert os.sched_getaffinity(0) == {measured}
        watch.stop()
    finally:
        os.sched_setaffinity(0, here)


def test_a_process_that_is_not_pinned_leaves_the_thread_where_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    assert spare_cores() == frozenset()


def reader(nvml: FakeNvml) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "sabench.measure.sampler", GPU, "0.01"],
        stdout=subprocess.PIPE,
        env=os.environ | nvml.environ,
    )


def test_the_reader_writes_json_by_the_clock_that_all_processes_share(nvml: FakeNvml) -> None:
    with reader(nvml) as process:
        assert process.stdout
        lines = [json.loads(process.stdout.readline()) for _ in range(3)]
        process.kill()
    times = [line["at_s"] for line in lines]
    assert times == sorted(times)
    assert 0 < time.perf_counter() - times[-1] < LONG_S
    assert all(math.isfinite(at_s) for at_s in times)
    assert lines[0]["sm_clock_mhz"] == 1980


PARENT = """
import sys, time
from sabench.measure.sampler_process import ProcessSampler
watch = ProcessSampler("GPU-00000", 0.01)
watch.start()
print(watch._process.pid, flush=True)
time.sleep(60)
"""


def test_the_reader_dies_with_the_process_that_measures(nvml: FakeNvml) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, env=os.environ | nvml.environ
    )
    with parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        os.kill(parent.pid, signal.SIGKILL)
    end = time.perf_counter() + LONG_S
    while is_alive(child):
        assert time.perf_counter() < end, "the reader lives on"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    """Not gone, and no zombie that nobody has collected yet."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_a_reader_that_dies_is_a_reason_and_no_fault(
    nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in nvml.environ.items():
        monkeypatch.setenv(name, value)
    watch = ProcessSampler(GPU, PERIOD_S)
    watch.start()
    assert watch._process
    watch._process.kill()
    watch._process.wait()
    assert watch.between(0, 1e9).sm_clock_mhz == 1980
    assert watch.reason == "the reader ended"
    watch.stop()
