"""What is told of a device in a record and in the environment: words, by name. Torch-free."""

from collections.abc import Callable
from dataclasses import dataclass

from sabench.errors import DeviceError
from sabench.measure.device import Device, Missing, Nvml
from sabench.measure.gpus import find_gpu

SETTINGS = ("driver", "power_limit_w", "clock_policy", "ecc", "mig", "persistence")
"""Facts that decide whether two runs are comparable."""


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """A device and what was read of it; a value that could not be read is the reason."""

    name: str
    uuid: str
    facts: dict[str, str]

    def settings(self) -> dict[str, str]:
        """Facts that comparability hangs on."""
        return {key: self.facts[key] for key in SETTINGS if key in self.facts}

    def told(self) -> dict[str, str]:
        """All others."""
        return {key: value for key, value in self.facts.items() if key not in SETTINGS}


def device_facts(device: str) -> DeviceFacts:
    """What NVML tells of a CUDA device now, by its UUID.

    Raises: DeviceError if the device is not there. A fact that NVML refuses is its reason.
    """
    gpu = find_gpu(device)
    try:
        with Nvml() as nvml:
            one = nvml.device(gpu.uuid)
            told: dict[str, object] = {"driver": nvml.driver()}
            told |= {name: read(one) for name, read in READERS.items()}
    except DeviceError as error:
        told = dict.fromkeys(("driver", *READERS), Missing(str(error)))
    return DeviceFacts(gpu.name, gpu.uuid, {name: str(value) for name, value in told.items()})


def job_facts(device: str) -> dict[str, str]:
    """The facts of the device that a job runs on, if need be why there are none: never a fault."""
    try:
        return device_facts(device).facts
    except DeviceError as error:
        return dict.fromkeys(("driver", *READERS), str(Missing(str(error))))


def _memory_bytes(device: Device) -> object:
    memory = device.memory()
    return memory if isinstance(memory, Missing) else memory.total


def _events(device: Device) -> object:
    events = device.clock_events()
    return events if isinstance(events, Missing) else ", ".join(sorted(events)) or "none"


def _pids(device: Device) -> object:
    processes = device.processes()
    return processes if isinstance(processes, Missing) else [one.pid for one in processes]


READERS: dict[str, Callable[[Device], object]] = {
    "power_limit_w": Device.power_limit_w,
    "clock_policy": Device.clock_policy,
    "ecc": Device.ecc,
    "mig": Device.mig,
    "persistence": Device.persistence,
    "memory_bytes": _memory_bytes,
    "sm_clock_mhz": Device.sm_clock_mhz,
    "sm_clock_max_mhz": Device.sm_clock_max_mhz,
    "memory_clock_mhz": Device.memory_clock_mhz,
    "memory_clock_max_mhz": Device.memory_clock_max_mhz,
    "power_w": Device.power_w,
    "temperature_c": Device.temperature_c,
    "slowdown_c": Device.slowdown_c,
    "clock_events": _events,
    "compute_mode": Device.compute_mode,
    "utilisation": Device.utilisation,
    "pids": _pids,
}
"""What is read of a device, by name, beside the driver's version."""
