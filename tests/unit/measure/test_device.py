"""Each value of a device, or the reason why not: the real nvidia-ml-py on a fake NVML."""

import os
from collections.abc import Callable, Iterator

import pytest

from fakes.nvml import (
    DRIVER_NOT_LOADED,
    ERRORS,
    GPU_IS_LOST,
    NO_PERMISSION,
    NOT_SUPPORTED,
    FakeNvml,
)
from sabench.errors import DeviceError
from sabench.measure.device import Device, Memory, Missing, Nvml, Process, Uses

READS: dict[str, tuple[Callable[[Device], object], object, str]] = {
    "sm_clock": (Device.sm_clock_mhz, 1980.0, "nvmlDeviceGetClockInfo"),
    "sm_clock_max": (Device.sm_clock_max_mhz, 1980.0, "nvmlDeviceGetMaxClockInfo"),
    "memory_clock": (Device.memory_clock_mhz, 3201.0, "nvmlDeviceGetClockInfo"),
    "memory_clock_max": (Device.memory_clock_max_mhz, 3201.0, "nvmlDeviceGetMaxClockInfo"),
    "power": (Device.power_w, 350.0, "nvmlDeviceGetPowerUsage"),
    "power_limit": (Device.power_limit_w, 700.0, "nvmlDeviceGetEnforcedPowerLimit"),
    "energy": (Device.energy_j, 1e6, "nvmlDeviceGetTotalEnergyConsumption"),
    "temperature": (Device.temperature_c, 55.0, "nvmlDeviceGetTemperature"),
    "slowdown": (Device.slowdown_c, 87.0, "nvmlDeviceGetTemperatureThreshold"),
    "utilisation": (Device.utilisation, 0.0, "nvmlDeviceGetUtilizationRates"),
    "memory": (Device.memory, Memory(150_000_000_000, 1_000_000_000), "nvmlDeviceGetMemoryInfo"),
    "processes": (Device.processes, (Process(5, 1),), "nvmlDeviceGetComputeRunningProcesses"),
    "uses": (
        lambda one: one.uses(0),
        Uses(99, {5: 0.25}),
        "nvmlDeviceGetProcessUtilization",
    ),
    "clock_policy": (Device.clock_policy, "default", "nvmlDeviceGetApplicationsClock"),
    "default_clock": (Device.clock_policy, "default", "nvmlDeviceGetDefaultApplicationsClock"),
    "ecc": (Device.ecc, "on", "nvmlDeviceGetEccMode"),
    "mig": (Device.mig, "off", "nvmlDeviceGetMigMode"),
    "persistence": (Device.persistence, "on", "nvmlDeviceGetPersistenceMode"),
    "compute_mode": (Device.compute_mode, "default", "nvmlDeviceGetComputeMode"),
}
"""A read, what a healthy device answers, and the call of NVML that answers it."""

HEALTHY = {"energy": "frozen", "energy_mj": 10**9, "compute": "5:1", "use": "5:25", "use_time": 99}

each_read = pytest.mark.parametrize(("read", "healthy", "call"), READS.values(), ids=READS)


@pytest.fixture
def device(nvml: FakeNvml) -> Iterator[Device]:
    nvml.script(**HEALTHY)
    with Nvml() as opened:
        yield opened.device("GPU-00000")


@each_read
def test_a_healthy_device_tells_every_value(
    device: Device, read: Callable[[Device], object], healthy: object, call: str
) -> None:
    assert read(device) == healthy


@each_read
@pytest.mark.parametrize("code", ERRORS)
def test_a_refused_value_is_the_reason(
    nvml: FakeNvml,
    device: Device,
    read: Callable[[Device], object],
    healthy: object,
    call: str,
    code: int,
) -> None:
    nvml.change(**{f"error.{call}": code})
    assert read(device) == Missing(ERRORS[code])
    others = [row for row in READS.values() if row[2] != call and row[0] is not read]
    assert [row[0](device) for row in others] == [row[1] for row in others]


@each_read
def test_a_missing_symbol_is_the_reason(
    nvml: FakeNvml, read: Callable[[Device], object], healthy: object, call: str
) -> None:
    versions = {"nvmlDeviceGetComputeRunningProcesses": f"{call}_v3"}
    nvml.without(versions.get(call, call))
    nvml.script(**HEALTHY)
    with Nvml() as opened:
        assert read(opened.device("GPU-00000")) == Missing("Function Not Found")


@each_read
def test_a_device_that_is_lost_midway_tells_so(
    nvml: FakeNvml,
    device: Device,
    read: Callable[[Device], object],
    healthy: object,
    call: str,
) -> None:
    nvml.change(**{"error.device": GPU_IS_LOST})
    assert read(device) == Missing("GPU is lost")


@pytest.mark.parametrize("code", [DRIVER_NOT_LOADED, NO_PERMISSION])
def test_an_nvml_that_does_not_open_is_one_line(nvml: FakeNvml, code: int) -> None:
    nvml.script(**{"error.nvmlInit": code})
    with pytest.raises(DeviceError, match=f"^NVML: {ERRORS[code]}$"):
        Nvml()


def test_a_machine_without_the_library_is_one_line(nvml: FakeNvml) -> None:
    nvml.missing()
    with pytest.raises(DeviceError, match=r"^NVML: NVML Shared Library Not Found$"):
        Nvml()


def test_a_uuid_that_is_not_there_is_one_line(nvml: FakeNvml) -> None:
    with Nvml() as opened, pytest.raises(DeviceError, match=r"^NVML: Not Found$"):
        opened.device("GPU-elsewhere")


def test_a_driver_that_goes_away_is_closed_without_fault(nvml: FakeNvml) -> None:
    opened = Nvml()
    nvml.change(**{"error.nvmlShutdown": DRIVER_NOT_LOADED})
    opened.close()


@pytest.mark.parametrize(
    ("bits", "names"),
    [
        (0x0, set()),
        (0x1, {"gpu_idle"}),
        (0x2, {"applications_clocks"}),
        (0x4, {"sw_power_cap"}),
        (0x8, {"hw_slowdown"}),
        (0x20, {"sw_thermal_slowdown"}),
        (0x40, {"hw_thermal_slowdown"}),
        (0x80, {"hw_power_brake"}),
        (0xC4, {"sw_power_cap", "hw_thermal_slowdown", "hw_power_brake"}),
        (0x4000, set()),
    ],
)
def test_clock_events_have_names(
    nvml: FakeNvml, device: Device, bits: int, names: set[str]
) -> None:
    nvml.change(events=bits)
    assert device.clock_events() == names


def test_clock_events_are_refused_with_a_reason(nvml: FakeNvml, device: Device) -> None:
    call = "error.nvmlDeviceGetCurrentClocks"
    nvml.change(**{f"{call}EventReasons": NO_PERMISSION, f"{call}ThrottleReasons": NOT_SUPPORTED})
    assert device.clock_events() == Missing("Insufficient Permissions")


def test_an_older_driver_calls_them_throttle_reasons(nvml: FakeNvml) -> None:
    nvml.without("nvmlDeviceGetCurrentClocksEventReasons")
    nvml.script(events=0x40)
    with Nvml() as opened:
        assert opened.device("GPU-00000").clock_events() == {"hw_thermal_slowdown"}


def energies(device: Device) -> list[object]:
    return [device.energy_j() for _ in range(4)]


def test_the_energy_counter_is_told_as_it_runs(nvml: FakeNvml, device: Device) -> None:
    nvml.change(energy="frozen", energy_mj=5000)
    assert energies(device) == [5.0] * 4
    nvml.change(energy="zero")
    assert energies(device) == [0.0] * 4
    nvml.change(energy="backwards", energy_mj=10**9, energy_step_mj=2000)
    first, second, third, fourth = energies(device)
    assert (first - second, second - third, third - fourth) == (2.0, 2.0, 2.0)


def test_what_nvml_writes_for_no_number_is_none(nvml: FakeNvml, device: Device) -> None:
    nvml.change(power_mw=2**32 - 1, temperature_c=2**32 - 1)
    assert device.power_w() == Missing("not available")
    assert device.temperature_c() == Missing("not available")


def test_each_process_is_told_once_computing_before_drawing(nvml: FakeNvml, device: Device) -> None:
    nvml.change(compute="self:30 4:na", graphics="2:10 4:20")
    ours = Process(os.getpid(), 30)
    assert device.processes() == tuple(
        sorted([Process(2, 10), Process(4, None), ours], key=lambda one: one.pid)
    )
    nvml.change(**{"error.nvmlDeviceGetGraphicsRunningProcesses": NOT_SUPPORTED})
    assert {one.pid for one in device.processes()} == {4, os.getpid()}


def test_use_is_told_of_samples_not_seen_before(nvml: FakeNvml, device: Device) -> None:
    nvml.change(use="7:10 8:0 7:30", use_time=1000)
    assert device.uses(0) == Uses(1000, {7: 0.3, 8: 0.0})
    assert device.uses(1000) == Uses(1000, {})
    nvml.change(use="", use_time=2000)
    assert device.uses(1000) == Uses(1000, {})


INSTANCE = {
    **{"0.mig": 1, "0.instances": 2, "0.mig1.uuid": "MIG-b", "0.mig1.memory_used": 7},
    **{"0.compute": "3:1 4:1", "0.mig1.compute": "4:1", "0.sm_clock_mhz": 1410},
}


def test_an_instance_has_its_own_memory_and_processes(nvml: FakeNvml) -> None:
    nvml.script(**HEALTHY | INSTANCE)
    with Nvml() as opened:
        instance = opened.device("MIG-b")
        assert instance.processes() == (Process(4, 1),)
        memory = instance.memory()
        assert isinstance(memory, Memory)
        assert memory.used == 7


def test_an_instance_has_its_boards_clock_power_heat_and_energy(nvml: FakeNvml) -> None:
    nvml.script(**HEALTHY | INSTANCE | {"0.events": 0x40})
    with Nvml() as opened:
        instance = opened.device("MIG-b")
        assert instance.sm_clock_mhz() == 1410.0
        assert instance.power_w() == 350.0
        assert instance.temperature_c() == 55.0
        assert instance.energy_j() == 1e6
        assert instance.clock_events() == {"hw_thermal_slowdown"}
        assert instance.mig() == "on"


def test_what_is_not_told_of_an_instance_is_a_reason(nvml: FakeNvml) -> None:
    nvml.script(**HEALTHY | INSTANCE)
    with Nvml() as opened:
        instance = opened.device("MIG-b")
        assert instance.uses(0) == Missing("Not Supported")
        assert instance.utilisation() == Missing("Not Supported")
