"""Energy from a job to its readings: package files that a thread moves on, a board in fake NVML."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from fakes.nvml import NOT_SUPPORTED, FakeNvml
from making_runs import batch_of
from sabench.cases.case import Case
from sabench.cases.plan import make_jobs
from sabench.catalog.presets import find_preset
from sabench.measure import energy as meters
from sabench.measure import powercap
from sabench.measure.metrics import energy as module
from sabench.measure.runner import run_job
from sabench.records import Flag, Reading, Record, Status

pytestmark = pytest.mark.serial

WATTS = 20.0
PRESET = find_preset("standard").model_copy(
    update={"energy_windows": 2, "energy_window_s": 0.4, "warmup_min_s": 0.05, "budget_s": 0.1}
)
CASE = Case(kind="layer", subject="conv", channels=8, size=14, batch=2)
ASKED = ("energy", "energy_net", "power")


@pytest.fixture(autouse=True)
def in_haste(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, seconds in (("POLL_S", 0.2), ("IDLE_S", 0.2), ("WARM_S", 0.05), ("FIRST_S", 0.02)):
        monkeypatch.setattr(meters, name, seconds)
    module.meter_of.cache_clear()
    yield
    module.meter_of.cache_clear()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package that draws WATTS, near the end of its counter's range."""
    folder = tmp_path / "powercap" / "intel-rapl:0"
    folder.mkdir(parents=True)
    (folder / "name").write_text("package-0\n")
    (folder / "max_energy_range_uj").write_text("1000000000\n")
    monkeypatch.setattr(powercap, "ROOT", tmp_path / "powercap")
    begun, ended = time.perf_counter(), Event()

    def write() -> None:
        spent = 985_000_000 + (time.perf_counter() - begun) * WATTS * 1e6  # it wraps at 0.75 s
        fresh = folder / "fresh"
        fresh.write_text(f"{int(spent) % 1_000_000_000}\n")
        os.replace(fresh, folder / "energy_uj")

    def run() -> None:
        while not ended.wait(2e-3):
            write()

    write()
    thread = Thread(target=run)
    thread.start()
    yield folder
    ended.set()
    thread.join()


def record() -> Record:
    (job, *_) = make_jobs([CASE], ["cpu"], ASKED, PRESET, seed=1)
    return run_job(job, batch_of([job], preset=PRESET))[0]


def test_a_layer_on_the_cpu_takes_its_packages_energy_across_a_wrap(package: Path) -> None:
    found = record()
    assert found.status in (Status.OK, Status.OK_FLAGGED), found.message
    energy, power = found.readings["energy"], found.readings["power"]
    assert power.median == pytest.approx(WATTS, rel=0.2)
    windows = energy.details["windows"]
    for sample, window in zip(energy.samples, windows, strict=True):  # type: ignore[arg-type]
        call_s = window["seconds"] / window["calls"]  # type: ignore[index,call-overload]
        assert sample == pytest.approx(WATTS * call_s / CASE.batch, rel=0.2)
    assert energy.details["validity"] in ("valid", "shared")  # the machine may be busy
    assert energy.details["source"] == "powercap package energy"
    assert energy.details["integrated_reason"] == "no power is told"


def test_a_package_that_stands_still_leaves_the_job_ok_without_a_figure(package: Path) -> None:
    (package.parent / "intel-rapl:1").mkdir()
    for name, text in (("name", "package-1"), ("energy_uj", "7"), ("max_energy_range_uj", "9")):
        (package.parent / "intel-rapl:1" / name).write_text(text)
    (package / "name").write_text("psys\n")  # now only package-1 is left, and nothing moves it
    found = record()
    assert {one.details["validity"] for one in found.readings.values()} == {"invalid"}
    assert {one.flags for one in found.readings.values()} == {(Flag.ENERGY_INVALID,)}
    assert not any(one.samples for one in found.readings.values())
    assert found.status in (Status.OK, Status.OK_FLAGGED)
    assert not {Flag.ENERGY_INVALID} & set(found.flags)


def on_the_board(monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], dict[str, Reading]]:
    """The metric on "cuda:0", its calls naps and its device in the fake NVML."""
    log: list[str] = []
    monkeypatch.setattr(torch.cuda, "synchronize", log.append)
    monkeypatch.setattr(module, "own_pid_on", lambda device: lambda _: os.getpid())
    protocol: Any = SimpleNamespace(preset=PRESET, clock=time.perf_counter, started_s=0.0)
    protocol.started_s = time.perf_counter()
    subject: Any = SimpleNamespace(device="cuda:0", case=CASE)
    execution: Any = SimpleNamespace(call=lambda: time.sleep(0.01))
    return log, module.measure(subject, execution, protocol)


def test_a_boards_energy_is_read_behind_synchronisations(
    nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch
) -> None:
    nvml.script(energy_period_ms=1, compute="self:1048576")
    log, found = on_the_board(monkeypatch)
    # before the counter's period, the first call, the two loads of warming up, each window
    assert log == ["cuda:0"] * (2 + 2 + 2)
    assert found["power"].median == pytest.approx(350.0, rel=0.05)
    assert found["energy"].details["validity"] == "valid"
    assert found["energy"].details["device"] == {
        "power_limit_w": "700.0",
        "power": "at the moment",
        "neighbours": "looked for",
    }


def test_a_board_without_the_counter_is_a_reason(
    nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch
) -> None:
    nvml.script(**{"error.nvmlDeviceGetTotalEnergyConsumption": NOT_SUPPORTED})
    _, found = on_the_board(monkeypatch)
    assert {one.reason for one in found.values()} == {
        "the energy counter cannot be read: NVML: Not Supported"
    }
    assert {one.details["validity"] for one in found.values()} == {"unavailable"}
