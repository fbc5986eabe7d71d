"""Facts of a device in words, on a fake NVML."""

from pathlib import Path

import pytest

from fakes.nvml import DRIVER_NOT_LOADED, NO_PERMISSION, NOT_SUPPORTED, FakeNvml
from sabench.measure import gpus
from sabench.measure.device_facts import READERS, device_facts, job_facts

GIB = 1024**3


def test_facts_are_values_or_reasons(nvml: FakeNvml) -> None:
    nvml.script(
        **{"gpus": 2, "1.events": 0x44, "1.utilisation": 37, "1.compute_mode": 3},
        **{"error.nvmlDeviceGetEccMode": NOT_SUPPORTED, "1.graphics": "9:1", "1.compute": "4:1"},
    )
    found = device_facts("cuda:1")
    assert (found.name, found.uuid) == ("NVIDIA H200", "GPU-00001")
    assert found.facts["power_limit_w"] == "700.0"
    assert found.facts["clock_policy"] == "default"
    assert found.facts["clock_events"] == "hw_thermal_slowdown, sw_power_cap"
    assert found.facts["utilisation"] == "0.37"
    assert found.facts["compute_mode"] == "exclusive process"
    assert found.facts["pids"] == "[4, 9]"
    assert found.facts["ecc"] == "unknown (Not Supported)"
    assert set(found.settings()) | set(found.told()) == set(found.facts)
    assert "temperature_c" not in found.settings()


def test_an_application_clock_is_another_policy(nvml: FakeNvml) -> None:
    nvml.script(application_clock_mhz=1410)
    assert device_facts("cuda:0").facts["clock_policy"] == "application clock 1410 MHz"


def test_without_nvml_each_fact_is_the_reason(
    nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch
) -> None:
    nvml.script(**{"error.nvmlDeviceGetHandleByUUID": NO_PERMISSION})
    found = device_facts("cuda:0")
    assert set(found.facts) == {"driver", *READERS}
    assert set(found.facts.values()) == {"unknown (NVML: Insufficient Permissions)"}


def test_an_instance_tells_its_own_memory_and_its_boards_heat(
    nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch
) -> None:
    nvml.script(
        **{"0.mig": 1, "0.instances": 1, "0.mig0.uuid": "MIG-a", "0.mig0.memory_total": 18 * GIB},
        **{"0.temperature_c": 61, "0.compute": "7:1", "0.mig0.compute": "5:1"},
    )
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-a")
    found = device_facts("cuda:0").facts
    assert found["memory_bytes"] == str(18 * GIB)
    assert found["temperature_c"] == "61.0"
    assert found["pids"] == "[5]"
    assert found["mig"] == "on"
    assert found["utilisation"] == "unknown (Not Supported)"


def test_a_device_that_nothing_lists_any_more_costs_a_job_its_facts_alone(
    nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(gpus, "DRIVER", tmp_path)
    monkeypatch.setattr(gpus, "NODES", tmp_path)
    nvml.script(**{"error.nvmlInit": DRIVER_NOT_LOADED})
    told = job_facts("cuda:0")
    assert set(told) == {"driver", *READERS}
    assert all(value.startswith("unknown (device cuda:0 is not there") for value in told.values())
