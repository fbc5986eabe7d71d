"""Which CUDA devices there are, numbered as torch numbers them. Torch-free."""

import os
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from sabench.errors import ConfigError, DeviceError
from sabench.measure.device import Missing, Nvml
from sabench.measure.versions import torch_build, torch_has_cuda

DRIVER = Path("/proc/driver/nvidia/gpus")  # what the kernel module tells where NVML is missing
NODES = Path("/dev")  # where that is missing too, as in some containers


@dataclass(frozen=True, slots=True)
class Listed:
    """A device of the list: a board, or an instance of one."""

    uuid: str
    name: str
    instances: tuple["Listed", ...] = ()
    is_divided: bool | None = None  # MIG is on: CUDA sees instances. None: not told


@dataclass(frozen=True, slots=True)
class Gpu:
    """A CUDA device by the identity that does not change: index is torch's.

    `uuid` is a board's, or an instance's (MIG); empty where nothing tells it.
    """

    index: int
    uuid: str
    name: str

    @property
    def device(self) -> str:
        """torch's spelling."""
        return f"cuda:{self.index}"


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
    boards = _boards()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    words = map(str, range(len(boards))) if visible is None else visible.split(",")
    chosen: list[Listed] = []
    for word in words:
        match = _named(boards, word.strip())
        if match is None and visible is not None:  # CUDA stops at the first that it does not know
            break
        if match is not None:
            chosen.append(match)
    return [Gpu(index, one.uuid, one.name) for index, one in enumerate(_one_instance(chosen))]


def _named(boards: list[Listed], word: str) -> Listed | None:
    """What CUDA takes for a number, or for the beginning of a UUID that only one device has."""
    if word.isdigit():
        return _usable(boards[int(word)]) if int(word) < len(boards) else None
    if word.startswith("GPU-"):
        match = [board for board in boards if board.uuid.startswith(word)]
        return _usable(match[0]) if len(match) == 1 else None
    if not word.startswith("MIG-"):
        return None
    instances = [instance for board in boards for instance in board.instances]
    match = [instance for instance in instances if instance.uuid.startswith(word)]
    if not match and word != "MIG-" and all(board.is_divided is None for board in boards):
        return Listed(word, "MIG instance")  # nothing lists it, and CUDA is asked for it by name
    return match[0] if len(match) == 1 else None


def _usable(board: Listed) -> Listed | None:
    """What CUDA computes on: a divided board's first instance, if it has one."""
    if not board.is_divided:
        return board
    return board.instances[0] if board.instances else None


def _one_instance(chosen: list[Listed]) -> list[Listed]:
    """CUDA gives a process one instance; those that follow are left out."""
    kept: list[Listed] = []
    for one in chosen:
        if one.uuid.startswith("MIG-") and any(other.uuid.startswith("MIG-") for other in kept):
            continue
        kept.append(one)
    return kept


def list_boards(nvml: Nvml) -> list[Listed]:
    """All boards in the order of the bus, with their instances.

    Raises: DeviceError if one cannot be listed: the numbers of the others would be wrong.
    """
    count = nvml.must(nvml.library.nvmlDeviceGetCount)
    handle_of = nvml.library.nvmlDeviceGetHandleByIndex
    return [_board(nvml, nvml.must(partial(handle_of, i))) for i in range(count)]


def _board(nvml: Nvml, handle: Any) -> Listed:
    listed = _listed(nvml, handle)
    mode = nvml.told(lambda: nvml.library.nvmlDeviceGetMigMode(handle)[0])
    if mode != 1:
        return replace(listed, is_divided=None if isinstance(mode, Missing) else False)
    most = nvml.told(lambda: int(nvml.library.nvmlDeviceGetMaxMigDeviceCount(handle)))
    instance_of = nvml.library.nvmlDeviceGetMigDeviceHandleByIndex
    found = [
        nvml.told(partial(instance_of, handle, i))
        for i in range(0 if isinstance(most, Missing) else most)
    ]
    instances = tuple(_listed(nvml, one) for one in found if not isinstance(one, Missing))
    return replace(listed, instances=instances, is_divided=True)


def _listed(nvml: Nvml, handle: Any) -> Listed:
    uuid = nvml.must(lambda: str(nvml.library.nvmlDeviceGetUUID(handle)))
    name = nvml.told(lambda: str(nvml.library.nvmlDeviceGetName(handle)))
    return Listed(uuid, "CUDA device" if isinstance(name, Missing) else name)


def _boards() -> list[Listed]:
    try:
        with Nvml() as nvml:
            return list_boards(nvml)
    except DeviceError:
        return _driver_boards() or _node_boards()


def _driver_boards() -> list[Listed]:
    """Without NVML: what the driver writes under /proc, in the order of the bus."""
    found = []
    for path in sorted(DRIVER.glob("*/information")):
        lines = path.read_text().splitlines()
        fields = {
            key.strip(): rest.strip() for key, _, rest in (one.partition(":") for one in lines)
        }
        found.append(Listed(fields.get("GPU UUID", ""), fields.get("Model", "CUDA device")))
    return found


def _node_boards() -> list[Listed]:
    """Without that too: how many there are, by their device files."""
    nodes = [path for path in NODES.glob("nvidia[0-9]*") if path.name[6:].isdigit()]
    return [Listed("", "CUDA device") for _ in nodes]
