"""Devices: which there are, and what NVML tells of one. Torch-free; the only importer of pynvml."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sabench.errors import ConfigError, DeviceError
from sabench.measure.versions import torch_build, torch_has_cuda
from sabench.records import Flag

DRIVER = Path("/proc/driver/nvidia/gpus")  # what the kernel module tells where NVML is missing

CLOCK_EVENTS = {
    0x001: "gpu_idle",
    0x002: "applications_clocks",
    0x004: "sw_power_cap",
    0x008: "hw_slowdown",
    0x010: "sync_boost",
    0x020: "sw_thermal_slowdown",
    0x040: "hw_thermal_slowdown",
    0x080: "hw_power_brake",
    0x100: "display_clocks",
}

SETTINGS = ("driver", "power_limit_w", "clock_policy", "ecc", "mig", "persistence")
"""Facts that decide whether two runs are comparable."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """A CUDA device by the identity that does not change: index is torch's."""

    index: int
    uuid: str
    name: str

    @property
    def device(self) -> str:
        """torch's spelling."""
        return f"cuda:{self.index}"


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


def resolve_devices(asked: str) -> list[str]:
    """torch's names for "auto", "cpu", "cuda", "cuda:0,cuda:1" or "all".

    auto: the first CUDA device if there is one that torch can use, else the CPU.
    all: every CUDA device, the CPU where there is none.
    Raises: DeviceError for a device that is not there, ConfigError for a word that is none.
    """
    words = [word.strip().lower() for word in asked.split(",") if word.strip()]
    if words in (["auto"], ["all"]):
        found = [gpu.device for gpu in visible_gpus()] if torch_has_cuda() else []
        return (found if words == ["all"] else found[:1]) or ["cpu"]
    named = [_resolve(word) for word in words]
    if not named:
        raise ConfigError("no device is named; there are auto, cpu, cuda, cuda:0,cuda:1 and all")
    return list(dict.fromkeys(named))


def _resolve(word: str) -> str:
    if word == "cpu":
        return word
    kind, _, number = word.partition(":")
    if kind != "cuda" or (":" in word and not number.isdigit()):
        raise ConfigError(f"device {word!r} is not known; there are auto, cpu, cuda, cuda:N, all")
    if not torch_has_cuda():
        raise DeviceError(
            f"device {word}: the installed torch {torch_build()['version']} is built without CUDA; "
            "use --device cpu, or install a CUDA build of torch"
        )
    return find_gpu(f"cuda:{number or 0}").device


def find_gpu(device: str) -> Gpu:
    """The device of that name.

    Raises: DeviceError with what there is.
    """
    index = int(device.partition(":")[2] or 0)
    gpus = visible_gpus()
    for gpu in gpus:
        if gpu.index == index:
            return gpu
    there = ", ".join(f"{gpu.device} ({gpu.name})" for gpu in gpus) or "no CUDA device"
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    why = f" under CUDA_VISIBLE_DEVICES={hidden}" if hidden is not None else ""
    raise DeviceError(f"device {device} is not there{why}: there is {there}; use --device cpu")


def visible_gpus() -> list[Gpu]:
    """Devices as torch numbers them: CUDA_VISIBLE_DEVICES applied to the order of the bus."""
    found = _all_gpus()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return found
    chosen: list[Gpu] = []
    for word in (word.strip() for word in visible.split(",")):
        match = [gpu for gpu in found if _is_named(gpu, word)]
        if len(match) != 1:  # CUDA stops at the first that it does not know
            break
        chosen.append(Gpu(len(chosen), match[0].uuid, match[0].name))
    return chosen


def _is_named(gpu: Gpu, word: str) -> bool:
    if word.isdigit():
        return gpu.index == int(word)
    return word.startswith(("GPU-", "MIG-")) and gpu.uuid.startswith(word)


def _all_gpus() -> list[Gpu]:
    try:
        with _nvml() as nvml:
            return [_gpu_of(nvml, index) for index in range(nvml.nvmlDeviceGetCount())]
    except DeviceError:
        return _driver_gpus()


def _gpu_of(nvml: Any, index: int) -> Gpu:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    return Gpu(index, nvml.nvmlDeviceGetUUID(handle), nvml.nvmlDeviceGetName(handle))


def _driver_gpus() -> list[Gpu]:
    """Without NVML: what the driver writes under /proc, in the order of the bus."""
    found = []
    for index, path in enumerate(sorted(DRIVER.glob("*/information"))):
        lines = path.read_text().splitlines()
        fields = {
            key.strip(): rest.strip() for key, _, rest in (one.partition(":") for one in lines)
        }
        found.append(Gpu(index, fields.get("GPU UUID", ""), fields.get("Model", "CUDA device")))
    return found


@contextmanager
def _nvml() -> Iterator[Any]:
    """NVML, opened.

    Raises: DeviceError if it is missing, refuses or fails on the way.
    """
    try:
        import pynvml
    except ImportError as error:
        raise DeviceError(f"NVML cannot be asked: {error}; install nvidia-ml-py") from error
    try:
        pynvml.nvmlInit()
        try:
            yield pynvml
        finally:
            pynvml.nvmlShutdown()
    except pynvml.NVMLError as error:
        raise DeviceError(f"NVML: {error}") from error


def device_facts(device: str) -> DeviceFacts:
    """What NVML tells of a CUDA device now, by its UUID.

    Raises: DeviceError if the device is not there. A fact that NVML refuses is its reason.
    """
    gpu = find_gpu(device)
    try:
        with _nvml() as nvml:
            handle = nvml.nvmlDeviceGetHandleByUUID(gpu.uuid)
            facts = {
                name: _fact(nvml, partial(read, nvml, handle)) for name, read in READERS.items()
            }
    except DeviceError as error:
        facts = dict.fromkeys(READERS, f"unknown ({error})")
    return DeviceFacts(gpu.name, gpu.uuid, facts)


def _fact(nvml: Any, read: Callable[[], object]) -> str:
    try:
        return str(read())
    except (nvml.NVMLError, AttributeError) as error:  # an older library lacks the call
        return f"unknown ({error})"


def _on(value: int) -> str:
    return "on" if value else "off"


def _clock_policy(nvml: Any, handle: Any) -> str:
    clock = nvml.nvmlDeviceGetApplicationsClock(handle, nvml.NVML_CLOCK_SM)
    default = nvml.nvmlDeviceGetDefaultApplicationsClock(handle, nvml.NVML_CLOCK_SM)
    return "default" if clock == default else f"application clock {clock} MHz"


def _clock_events(nvml: Any, handle: Any) -> str:
    bits = nvml.nvmlDeviceGetCurrentClocksEventReasons(handle)
    return ", ".join(name for bit, name in CLOCK_EVENTS.items() if bits & bit) or "none"


def _pids(nvml: Any, handle: Any) -> list[int]:
    return sorted(one.pid for one in nvml.nvmlDeviceGetComputeRunningProcesses(handle))


READERS: dict[str, Callable[[Any, Any], object]] = {
    "driver": lambda nvml, _: nvml.nvmlSystemGetDriverVersion(),
    "power_limit_w": lambda nvml, one: nvml.nvmlDeviceGetEnforcedPowerLimit(one) / 1000,
    "clock_policy": _clock_policy,
    "ecc": lambda nvml, one: _on(nvml.nvmlDeviceGetEccMode(one)[0]),
    "mig": lambda nvml, one: _on(nvml.nvmlDeviceGetMigMode(one)[0]),
    "persistence": lambda nvml, one: _on(nvml.nvmlDeviceGetPersistenceMode(one)),
    "memory_bytes": lambda nvml, one: nvml.nvmlDeviceGetMemoryInfo(one).total,
    "sm_clock_mhz": lambda nvml, one: nvml.nvmlDeviceGetClockInfo(one, nvml.NVML_CLOCK_SM),
    "sm_clock_max_mhz": lambda nvml, one: nvml.nvmlDeviceGetMaxClockInfo(one, nvml.NVML_CLOCK_SM),
    "memory_clock_mhz": lambda nvml, one: nvml.nvmlDeviceGetClockInfo(one, nvml.NVML_CLOCK_MEM),
    "power_w": lambda nvml, one: nvml.nvmlDeviceGetPowerUsage(one) / 1000,
    "temperature_c": lambda nvml, one: nvml.nvmlDeviceGetTemperature(
        one, nvml.NVML_TEMPERATURE_GPU
    ),
    "slowdown_c": lambda nvml, one: nvml.nvmlDeviceGetTemperatureThreshold(
        one, nvml.NVML_TEMPERATURE_THRESHOLD_SLOWDOWN
    ),
    "clock_events": _clock_events,
    "compute_mode": lambda nvml, one: nvml.nvmlDeviceGetComputeMode(one),
    "utilisation": lambda nvml, one: nvml.nvmlDeviceGetUtilizationRates(one).gpu / 100,
    "compute_pids": _pids,
}
"""What is read of a device, by name; NVML and a handle are given."""


def process_memory(device: str) -> int | str:
    """Bytes of the device that this process holds, or why that is not known."""
    try:
        gpu = find_gpu(device)
        with _nvml() as nvml:
            handle = nvml.nvmlDeviceGetHandleByUUID(gpu.uuid)
            for one in nvml.nvmlDeviceGetComputeRunningProcesses(handle):
                if one.pid == os.getpid():
                    return "NVML tells no size" if one.usedGpuMemory is None else one.usedGpuMemory
    except DeviceError as error:
        return str(error)
    return "NVML lists no process with this id: a container's ids differ from the host's"


def state_flags(facts: dict[str, str]) -> tuple[Flag, ...]:
    """What the facts of a device say against a figure that was just taken on it.

    A container's process ids differ from the host's: then nothing shows that we were alone.
    """
    flags = []
    if facts["compute_pids"] != str([os.getpid()]):
        flags.append(Flag.ISOLATION_UNVERIFIED)
    events = facts["clock_events"]
    if any(word in events for word in ("thermal_slowdown", "hw_slowdown", "power_brake")):
        flags.append(Flag.THERMAL)
    if "sw_power_cap" in events:
        flags.append(Flag.POWER_CAP)
    return tuple(flags)
