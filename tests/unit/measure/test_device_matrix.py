"""What a device does to a figure, from NVML to the flag: real sampler, real protocol, fake NVML.

Each state has its flag or its reason, and the latency is measured in all of them.
"""

import itertools
import json
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fakes.nvml import (
    DRIVER_NOT_LOADED,
    ERRORS,
    GPU_IS_LOST,
    NO_PERMISSION,
    NOT_SUPPORTED,
    FakeNvml,
)
from sabench.catalog.presets import find_preset
from sabench.measure.device import Nvml
from sabench.measure.device_diary import DeviceDiary
from sabench.measure.device_facts import READERS, device_facts
from sabench.measure.device_readings import DeviceReader, span_of
from sabench.measure.judging import Timing
from sabench.measure.protocol import Protocol
from sabench.measure.sampler import DeviceSampler
from sabench.measure.timer import Block, Call
from sabench.records import Flag, Reading, Record, Status

pytestmark = pytest.mark.serial

GPU, PERIOD_S = "GPU-00000", 0.004
OURS = {"compute": "self:1000"}
TINY = find_preset("quick").model_copy(
    update={
        **{"warmup_min_s": 0.01, "warmup_max_s": 0.02, "budget_s": 0.07, "samples_max": 10_000},
        **{"half_width": 1e-9, "deadline_s": 20.0},
    }
)
OF_THE_DEVICE = {
    Flag.THERMAL,
    Flag.HW_SLOWDOWN,
    Flag.POWER_CAP,
    Flag.CLOCK_DRIFT,
    Flag.CONTENDED,
    Flag.FOREIGN_IDLE,
    Flag.ISOLATION_UNVERIFIED,
}


class RealTimer:
    """Blocks of a millisecond that pass on the real clock; what they took is not the point."""

    calls, block_s = 1, 1e-3
    flags: tuple[Flag, ...] = ()
    details: dict[str, Any] = {}  # noqa: RUF012

    def once(self, call: Call) -> float:
        time.sleep(self.block_s)
        return self.block_s

    def calibrate(self, call: Call, estimate_s: float) -> None:
        """A block is a block."""

    def chunk(self, call: Call, count: int) -> list[Block]:
        return [Block(self.once(call), 1) for _ in range(count)]

    def foreign_work(self) -> str:
        return ""


def timed(midway: Callable[[], object] = lambda: None) -> tuple[Timing, str]:
    """A call measured while the device is watched; `midway` happens after the second chunk."""
    watch, chunks = DeviceSampler(GPU, PERIOD_S), itertools.count(1)

    def show_figure(latency_s: float, n: int) -> None:
        if next(chunks) == 2:
            midway()

    watch.start()
    try:
        protocol = Protocol(TINY, RealTimer(), show_figure, sleep=lambda seconds: None, watch=watch)
        return protocol.measure(lambda: None), watch.reason
    finally:
        watch.stop()


def flags_of(timing: Timing) -> set[Flag]:
    assert timing.samples
    return set(timing.flags) & OF_THE_DEVICE


CALLS = (
    *("nvmlDeviceGetClockInfo", "nvmlDeviceGetPowerUsage", "nvmlDeviceGetTemperature"),
    *("nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons"),
    *("nvmlDeviceGetComputeRunningProcesses", "nvmlDeviceGetProcessUtilization"),
)
UNVERIFIED = {Flag.ISOLATION_UNVERIFIED}


def refuse(*calls: str, code: int = NOT_SUPPORTED) -> dict[str, object]:
    return OURS | {f"error.{call}": code for call in calls}


MATRIX: dict[str, tuple[dict[str, object], set[Flag], Status, str]] = {
    "normal": (OURS, set(), Status.OK, ""),
    "idle is no slowdown": (OURS | {"events": 0x103}, set(), Status.OK, ""),
    "no permission": (
        refuse(*CALLS, code=NO_PERMISSION),
        UNVERIFIED,
        Status.OK,
        "Insufficient Permissions",
    ),
    "no permission for a neighbour's use": (
        refuse(CALLS[-1], code=NO_PERMISSION) | {"compute": "self:1000 7:1"},
        UNVERIFIED,
        Status.OK,
        "users: Insufficient Permissions",
    ),
    "not supported": (refuse(*CALLS), UNVERIFIED, Status.OK, "sm_clock_mhz: Not Supported"),
    "driver not loaded": (
        {"error.nvmlInit": DRIVER_NOT_LOADED},
        UNVERIFIED,
        Status.OK,
        "NVML: Driver Not Loaded",
    ),
    "not listed": ({"compute": "7:1"}, UNVERIFIED, Status.OK, ""),
    "heat, by software": (OURS | {"events": 0x20}, {Flag.THERMAL}, Status.THROTTLED, ""),
    "heat, by hardware": (OURS | {"events": 0x40}, {Flag.THERMAL}, Status.THROTTLED, ""),
    "hardware": (OURS | {"events": 0x08}, {Flag.HW_SLOWDOWN}, Status.THROTTLED, ""),
    "power brake": (OURS | {"events": 0x80}, {Flag.HW_SLOWDOWN}, Status.THROTTLED, ""),
    "power limit": (OURS | {"events": 0x04}, {Flag.POWER_CAP}, Status.OK, ""),
    "an idle neighbour": (
        OURS | {"compute": "self:1000 7:1"},
        {Flag.FOREIGN_IDLE},
        Status.OK,
        "",
    ),
    "one that draws": (OURS | {"graphics": "7:1"}, {Flag.FOREIGN_IDLE}, Status.OK, ""),
    "a neighbour at work": (
        OURS | {"compute": "self:1000 7:1", "use": "self:70 7:30"},
        {Flag.CONTENDED},
        Status.CONTENDED,
        "",
    ),
}


@pytest.mark.parametrize(("script", "flags", "status", "reason"), MATRIX.values(), ids=MATRIX)
def test_each_state_of_a_device_has_its_flag_or_its_reason(
    nvml: FakeNvml, script: dict[str, object], flags: set[Flag], status: Status, reason: str
) -> None:
    nvml.script(**script)
    timing, told = timed()
    assert flags_of(timing) == flags
    assert timing.status is status
    assert (reason in told) if reason else (told == "")


def test_a_machine_without_nvml_measures_and_says_so(nvml: FakeNvml) -> None:
    nvml.missing()
    timing, told = timed()
    assert flags_of(timing) == UNVERIFIED
    assert told == "NVML: NVML Shared Library Not Found"


@pytest.mark.parametrize("symbol", [*CALLS[:4], f"{CALLS[5]}_v3", CALLS[6]])
def test_a_driver_that_lacks_a_call_measures_and_says_so(nvml: FakeNvml, symbol: str) -> None:
    nvml.without(symbol)
    nvml.script(**OURS)
    timing, told = timed()
    hides_neighbours = symbol.startswith("nvmlDeviceGetComputeRunningProcesses")
    assert flags_of(timing) == (UNVERIFIED if hides_neighbours else set())
    older = symbol == "nvmlDeviceGetCurrentClocksEventReasons"  # the other spelling does
    spelling = symbol == "nvmlDeviceGetCurrentClocksThrottleReasons"
    assert told == "" if older or spelling else told.endswith(": Function Not Found")


def test_an_instance_is_alone_though_its_neighbours_use_is_not_told(
    nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch
) -> None:
    nvml.script(
        **{"0.mig": 1, "0.instances": 1, "0.mig0.uuid": GPU.replace("GPU", "MIG")},
        **{"0.mig0.compute": "self:1000", "0.compute": "self:1000 9:1", "0.use": "9:90"},
    )
    monkeypatch.setattr(f"{__name__}.GPU", GPU.replace("GPU", "MIG"))
    timing, told = timed()
    assert flags_of(timing) == set()
    assert told == "users: Not Supported"


@pytest.mark.parametrize("turn", range(20))
def test_a_throttle_that_comes_midway_is_flagged_every_time(nvml: FakeNvml, turn: int) -> None:
    nvml.script(**OURS)
    timing, _ = timed(midway=lambda: nvml.change(events=random.Random(turn).choice(SLOWDOWNS)))
    assert flags_of(timing) & {Flag.THERMAL, Flag.HW_SLOWDOWN}
    assert timing.status is Status.THROTTLED
    assert all(sample > 0 for sample in timing.samples)


SLOWDOWNS = (0x08, 0x20, 0x40, 0x80, 0x64)


def test_a_clock_that_falls_midway_is_flagged(nvml: FakeNvml) -> None:
    nvml.script(**OURS)
    timing, _ = timed(midway=lambda: nvml.change(sm_clock_mhz=1900))  # 4 % lower
    assert flags_of(timing) == {Flag.CLOCK_DRIFT}


@pytest.mark.parametrize("what", ["error.device", "error.nvmlDeviceGetComputeRunningProcesses"])
def test_an_nvml_that_fails_midway_ends_no_measurement(nvml: FakeNvml, what: str) -> None:
    nvml.script(**OURS)
    timing, told = timed(midway=lambda: nvml.change(**{what: GPU_IS_LOST}))
    assert timing.status is Status.OK
    assert flags_of(timing) == UNVERIFIED
    assert "GPU is lost" in told


def test_work_that_comes_and_goes_beside_us_is_flagged(nvml: FakeNvml) -> None:
    """A neighbour at work for 30 % of the time, 20 runs."""
    seen = 0
    for turn in range(20):
        nvml.script(**OURS | {"compute": "self:1000 7:1"})
        with duty_cycle(nvml, start=turn % 10):
            timing, _ = timed()
        seen += Flag.CONTENDED in flags_of(timing)
    assert seen >= 19


class duty_cycle:  # noqa: N801
    """Lets process 7 work in three of ten steps of 3 ms, from step `start` on."""

    def __init__(self, nvml: FakeNvml, start: int) -> None:
        self.nvml, self.ended = nvml, threading.Event()
        steps = itertools.cycle([30] * 3 + [0] * 7)
        for _ in range(start):
            next(steps)
        self.thread = threading.Thread(target=self.run, args=(steps,))

    def run(self, steps: Iterator[int]) -> None:
        while not self.ended.wait(0.003):
            self.nvml.change(use=f"self:60 7:{next(steps)}")

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.thread.join()


NUMBERS = (
    *("power_mw", "power_limit_mw", "sm_clock_mhz", "sm_clock_max_mhz", "memory_clock_mhz"),
    *("temperature_c", "slowdown_c", "utilisation", "memory_used", "ecc", "persistence"),
    *("compute_mode", "application_clock_mhz", "events", "mig"),
)
FUNCTIONS = (*CALLS, *{"nvmlInit", "device", "nvmlDeviceGetMigMode", "nvmlDeviceGetHandleByUUID"})


def random_script(draw: random.Random) -> dict[str, object]:
    """Any device: odd numbers, neighbours, refusals, a counter that does what it likes."""
    extreme = (0, 1, 2**31, 2**32 - 1, 2**32 - 2)
    script: dict[str, object] = {
        name: draw.choice([*extreme, draw.randrange(10**6)])
        for name in draw.sample(NUMBERS, draw.randrange(6))
    }
    if draw.random() < 0.7:
        pids = ["self", *draw.sample(["7", "8", "9"], draw.randrange(3))]
        script["compute"] = " ".join(f"{pid}:{draw.choice(['na', '0', '99'])}" for pid in pids)
        shares = (0, 0, draw.randrange(101))  # some hold the device and leave it alone
        script["use"] = " ".join(f"{pid}:{draw.choice(shares)}" for pid in pids)
    for name in draw.sample(FUNCTIONS, draw.choice([0, 0, 1, 3])):
        script[f"error.{name}"] = draw.choice([*ERRORS, 999])
    script["energy"] = draw.choice(["normal", "frozen", "zero", "backwards"])
    return script


def record_of(nvml: FakeNvml, draw: random.Random) -> Record:
    """What a job on the scripted device writes down of it."""
    nvml.script(**random_script(draw))
    facts, readings = device_facts("cuda:0").facts, []
    try:
        with Nvml() as opened:
            reader = DeviceReader(opened.device(GPU))
            for _ in range(2):
                readings.append(reader.read())
                nvml.change(**random_script(draw))
    except Exception as error:
        assert str(error).startswith("NVML: ")  # noqa: PT017
    for reading in readings:
        told = reading.model_dump(exclude={"missing", "at_s"})
        assert {name for name, value in told.items() if value is None} == set(reading.missing)
    diary = DeviceDiary()
    diary.keep(span_of(readings, os.getpid()), [1e-3, 2e-3])
    return Record(
        **{"job_id": "a", "case_id": "conv", "device": "cuda:0", "environment": "e"},
        **{"suite": "s", "preset": "quick", "replicate": 0, "status": Status.OK},
        readings={"latency_warm": Reading.of("s", [1e-3, 2e-3], details=diary.told())},
        flags=tuple(sorted(diary.flags)),
        started_utc="2026-01-01T00:00:00+00:00",
        wall_s=1.0,
        details={"device": {**facts}},
    )


def test_no_record_of_any_device_holds_a_nan_or_a_value_without_reason(
    nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "sabench.measure.gpus._boards", lambda: [type("Board", (), BOARD)]
    )  # found, whatever NVML says
    draw, flags, reasons = random.Random(3), set[Flag](), set[str]()
    for _ in range(500):
        record = record_of(nvml, draw)
        text = json.dumps(record.dump(), allow_nan=False)
        assert json.loads(text) == record.dump()
        facts = record.details["device"]
        assert set(facts) == {"driver", *READERS}
        assert all(
            value and value.lower() not in ("nan", "inf", "none ") for value in facts.values()
        )
        flags |= set(record.flags)
        reasons |= {value for value in facts.values() if value.startswith("unknown (")}
    assert flags == OF_THE_DEVICE - {Flag.CLOCK_DRIFT}
    assert {f"unknown ({told})" for told in (*ERRORS.values(), "not available")} <= reasons


BOARD = {"uuid": GPU, "name": "NVIDIA H200", "is_divided": False, "instances": ()}
