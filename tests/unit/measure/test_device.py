"""Devices on a stand-in for NVML: which there are, and facts or the reason why not."""

import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from sabench.errors import ConfigError, DeviceError
from sabench.measure import device
from sabench.measure.device import (
    device_facts,
    process_memory,
    resolve_devices,
    state_flags,
    visible_gpus,
)
from sabench.records import Flag

GIB = 1024**3


class FakeNvml(ModuleType):
    """Three H200s; any call named in `refused` raises NVMLError."""

    class NVMLError(Exception):
        pass

    NVML_CLOCK_SM, NVML_CLOCK_MEM = 1, 2
    NVML_TEMPERATURE_GPU, NVML_TEMPERATURE_THRESHOLD_SLOWDOWN = 0, 1

    def __init__(self, *, refused: tuple[str, ...] = (), pids: tuple[int, ...] = ()) -> None:
        super().__init__("pynvml")
        self.refused, self.pids, self.open = refused, pids, 0

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("nvml") and name in super().__getattribute__("refused"):
            raise FakeNvml.NVMLError("Not Supported")
        return super().__getattribute__(name)

    def nvmlInit(self) -> None:  # noqa: N802
        self.open += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.open -= 1

    def __getattr__(self, name: str) -> Any:
        answers = {
            "nvmlDeviceGetCount": lambda: 3,
            "nvmlDeviceGetHandleByIndex": lambda index: index,
            "nvmlDeviceGetHandleByUUID": lambda uuid: int(uuid[-1]),
            "nvmlDeviceGetUUID": lambda handle: f"GPU-{'abc'[handle]}0{handle}",
            "nvmlDeviceGetName": lambda handle: "NVIDIA H200",
            "nvmlSystemGetDriverVersion": lambda: "570.1",
            "nvmlDeviceGetEnforcedPowerLimit": lambda handle: 700_000,
            "nvmlDeviceGetApplicationsClock": lambda handle, kind: 1980,
            "nvmlDeviceGetDefaultApplicationsClock": lambda handle, kind: 1980,
            "nvmlDeviceGetEccMode": lambda handle: [1, 1],
            "nvmlDeviceGetMigMode": lambda handle: [0, 0],
            "nvmlDeviceGetPersistenceMode": lambda handle: 1,
            "nvmlDeviceGetMemoryInfo": lambda handle: SimpleNamespace(total=141 * GIB),
            "nvmlDeviceGetCurrentClocksEventReasons": lambda handle: 0x44,
            "nvmlDeviceGetUtilizationRates": lambda handle: SimpleNamespace(gpu=37),
            "nvmlDeviceGetComputeRunningProcesses": lambda handle: [
                SimpleNamespace(pid=pid, usedGpuMemory=GIB) for pid in self.pids
            ],
        }
        if name in answers:
            return answers[name]
        raise AttributeError(f"this NVML lacks {name}")


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Put a stand-in in NVML's place, under a torch that has CUDA."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(device, "torch_has_cuda", lambda: True)
    monkeypatch.setattr(device, "DRIVER", tmp_path / "gpus")

    def install(**settings: Any) -> FakeNvml:
        fake = FakeNvml(**settings)
        monkeypatch.setitem(sys.modules, "pynvml", fake)
        return fake

    return install


def test_names_resolve_to_what_torch_calls_them(nvml: Any) -> None:
    fake = nvml()
    assert resolve_devices("auto") == ["cuda:0"]
    assert resolve_devices("cuda") == ["cuda:0"]
    assert resolve_devices("cuda:2, cuda:0,cuda:2") == ["cuda:2", "cuda:0"]
    assert resolve_devices("cpu,cuda") == ["cpu", "cuda:0"]
    assert resolve_devices("all") == ["cuda:0", "cuda:1", "cuda:2"]
    assert fake.open == 0


def test_an_absent_device_is_one_line_with_what_there_is(nvml: Any) -> None:
    nvml()
    with pytest.raises(DeviceError, match=r"^device cuda:7 is not there: .*cuda:2 \(NVIDIA H200\)"):
        resolve_devices("cuda:7")


def test_a_torch_without_cuda_is_named(nvml: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    nvml()
    monkeypatch.setattr(device, "torch_has_cuda", lambda: False)
    monkeypatch.setattr(device, "torch_build", lambda: {"version": "2.13.0+cpu"})
    assert resolve_devices("auto") == resolve_devices("all") == ["cpu"]
    with pytest.raises(DeviceError, match=r"torch 2\.13\.0\+cpu is built without CUDA; use"):
        resolve_devices("cuda")


@pytest.mark.parametrize("word", ["gpu", "cuda:x", "cuda:-1", "", ",", "cuda:", "all,cpu"])
def test_a_word_that_names_no_device_is_a_usage_error(nvml: Any, word: str) -> None:
    nvml()
    with pytest.raises(ConfigError):
        resolve_devices(word)


@pytest.mark.parametrize(
    ("visible", "uuids"),
    [
        ("2,0", ["GPU-c02", "GPU-a00"]),
        ("GPU-b", ["GPU-b01"]),
        ("1,9,0", ["GPU-b01"]),
        ("", []),
        ("-1", []),
        ("GPU-", []),
    ],
)
def test_visible_devices_are_numbered_as_cuda_numbers_them(
    nvml: Any, monkeypatch: pytest.MonkeyPatch, visible: str, uuids: list[str]
) -> None:
    nvml()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert [gpu.uuid for gpu in visible_gpus()] == uuids
    assert [gpu.index for gpu in visible_gpus()] == list(range(len(uuids)))


def test_facts_are_values_or_reasons(nvml: Any) -> None:
    fake = nvml(refused=("nvmlDeviceGetEccMode",))
    found = device_facts("cuda:1")
    assert (found.name, found.uuid) == ("NVIDIA H200", "GPU-b01")
    assert found.facts["power_limit_w"] == "700.0"
    assert found.facts["clock_events"] == "sw_power_cap, hw_thermal_slowdown"
    assert found.facts["utilisation"] == "0.37"
    assert found.facts["ecc"] == "unknown (Not Supported)"
    assert found.facts["temperature_c"] == "unknown (this NVML lacks nvmlDeviceGetTemperature)"
    assert set(found.settings()) | set(found.told()) == set(found.facts)
    assert "temperature_c" not in found.settings()
    assert fake.open == 0


def test_without_nvml_the_driver_names_the_devices(nvml: Any, tmp_path: Path) -> None:
    nvml(refused=("nvmlInit",))
    (tmp_path / "gpus" / "0000:01:00.0").mkdir(parents=True)
    (tmp_path / "gpus" / "0000:01:00.0" / "information").write_text(
        "Model: \t\t NVIDIA H200\nGPU UUID: \t GPU-feed\n"
    )
    assert resolve_devices("auto") == ["cuda:0"]
    found = device_facts("cuda:0")
    assert (found.name, found.uuid) == ("NVIDIA H200", "GPU-feed")
    assert set(found.facts.values()) == {"unknown (NVML: Not Supported)"}


def test_process_memory_is_ours_or_a_reason(nvml: Any) -> None:
    nvml(pids=(1, os.getpid()))
    assert process_memory("cuda:0") == GIB
    nvml(pids=(1,))
    assert "no process with this id" in str(process_memory("cuda:0"))
    nvml(refused=("nvmlDeviceGetHandleByUUID",))
    assert process_memory("cuda:0") == "NVML: Not Supported"


def flags_with(nvml: Any, **settings: Any) -> set[Flag]:
    nvml(**settings)
    return set(state_flags(device_facts("cuda:0").facts))


def test_isolation_needs_our_process_and_no_other(nvml: Any) -> None:
    unverified = Flag.ISOLATION_UNVERIFIED
    assert unverified not in flags_with(nvml, pids=(os.getpid(),))
    assert unverified in flags_with(nvml, pids=(os.getpid(), 1))
    assert unverified in flags_with(nvml, refused=("nvmlDeviceGetComputeRunningProcesses",))


def test_heat_and_the_power_limit_are_flags(nvml: Any) -> None:
    assert flags_with(nvml, pids=(os.getpid(),)) == {Flag.THERMAL, Flag.POWER_CAP}
    refused = ("nvmlDeviceGetCurrentClocksEventReasons",)
    assert flags_with(nvml, pids=(os.getpid(),), refused=refused) == set()
