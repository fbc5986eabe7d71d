"""What an exception inside a job means: a status, one line, and whether the process can go on."""

import re
import resource
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue, ValidationError

from sabench.errors import ConfigError, MeasurementError, SabenchError
from sabench.jsonl import spelt_out
from sabench.records import Status
from sabench.units import show_bytes

TAIL_LINES = 12
LONGEST = 300
NO_MEMORY = re.compile(
    r"can't allocate memory|DefaultCPUAllocator|bad_alloc|out of memory|CUBLAS_STATUS_ALLOC_FAILED",
    re.IGNORECASE,
)
NO_KERNEL = re.compile(r"not implemented for '(Half|BFloat16|Float8\w*)'")
CUDA_FAULT = re.compile(r"CUDA error|device-side assert|CUDNN_STATUS_|CUBLAS_STATUS_")
UNITS = {"": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "TiB": 1024**4}


class NonFiniteError(MeasurementError):
    """The output, or a gradient, holds NaN or infinity."""


@dataclass(frozen=True, slots=True)
class Fault:
    """How a job ended that did not end well."""

    status: Status
    message: str
    details: dict[str, JsonValue]
    ends_process: bool  # memory is fragmented or the device in doubt: go on in a fresh process


def classify(error: BaseException, device: str) -> Fault:
    """The fault that an exception stands for."""
    text = f"{type(error).__name__}: {error}"
    details: dict[str, JsonValue] = {"error": type(error).__name__, "traceback": _tail(error)}
    if is_out_of_memory(error):
        memory = _device_memory(device) if device != "cpu" else _process_memory()
        asked = requested_bytes(str(error))
        details |= {
            "requested_bytes": asked,
            "free_bytes": memory.free,
            "total_bytes": memory.total,
        }
        return Fault(Status.OOM, _told(asked, memory), details, ends_process=True)
    if isinstance(error, NonFiniteError):
        return Fault(Status.NONFINITE, _line(str(error)), {}, ends_process=False)
    if isinstance(error, ConfigError) or NO_KERNEL.search(text):
        return Fault(Status.UNSUPPORTED, _line(str(error)), details, ends_process=False)
    if isinstance(error, SabenchError):
        return Fault(Status.ERROR, _line(str(error)), details, ends_process=False)
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        text = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        return Fault(Status.UNSUPPORTED, _line(text), details, ends_process=False)
    is_cuda = is_device_fault(error)
    if is_cuda:
        details["device_fault"] = True  # the parent looks after the device
    return Fault(Status.ERROR, _line(text), details, ends_process=is_cuda)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether there was no memory: torch tells of it in its own ways, by device."""
    if isinstance(error, MemoryError) or is_allocators(error):
        return True
    return isinstance(error, RuntimeError) and NO_MEMORY.search(str(error)) is not None


def is_device_fault(error: BaseException) -> bool:
    """Whether a CUDA device, or a library of its, is in doubt."""
    return CUDA_FAULT.search(f"{type(error).__name__}: {error}") is not None


def is_allocators(error: BaseException) -> bool:
    """Whether torch's allocator of a device says that there is no memory."""
    torch = sys.modules.get("torch")  # not there: the error is none of its own
    return torch is not None and isinstance(error, torch.OutOfMemoryError)


def requested_bytes(message: str) -> int | None:
    """What an allocator's message says was asked for."""
    found = re.search(r"allocate ([\d.]+) ?(bytes|KiB|MiB|GiB|TiB)", message, re.IGNORECASE)
    if not found:
        return None
    unit = found.group(2)
    return int(float(found.group(1)) * UNITS["" if unit.lower() == "bytes" else unit])


@dataclass(frozen=True, slots=True)
class Memory:
    """What a job could have had, in bytes; None where it is not told."""

    free: int | None = None
    total: int | None = None
    is_limit: bool = False  # of the process's address space, not of the machine or the device


def _process_memory() -> Memory:
    """What the host has, or what the limit of this process leaves it, whichever is less."""
    try:
        host, own = _sizes("/proc/meminfo"), _sizes("/proc/self/status")
        free, total, size = host["MemAvailable"], host["MemTotal"], own["VmSize"]
    except (OSError, KeyError):
        return Memory()
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    left = max(0, limit - size)
    if limit != resource.RLIM_INFINITY and left < free:
        return Memory(left, limit, is_limit=True)
    return Memory(free, total)


def _sizes(path: str) -> dict[str, int]:
    """The lines of a file of the kernel's that tell sizes in kB, in bytes."""
    found = re.findall(r"^(\w+):\s+(\d+) kB$", Path(path).read_text(), re.MULTILINE)
    return {name: 1024 * int(size) for name, size in found}


def _device_memory(device: str) -> Memory:
    import torch

    try:
        free, total = torch.cuda.mem_get_info(device)
    except RuntimeError:  # the context is gone
        return Memory()
    return Memory(int(free), int(total))


def _told(asked: int | None, memory: Memory) -> str:
    wanted = f"asked for {show_bytes(asked)}" if asked is not None else "asked for too much"
    if memory.free is None or memory.total is None:
        left = ""
    elif memory.is_limit:
        left = (
            f", {show_bytes(memory.free)} of its {show_bytes(memory.total)} of address space free "
            "(--memory-limit)"
        )
    else:
        left = f", {show_bytes(memory.free)} free"
    return f"out of memory: {wanted}{left}; use a smaller batch, size or dtype"


def _tail(error: BaseException) -> list[JsonValue]:
    lines = "".join(traceback.format_exception(error)).rstrip().splitlines()
    return [spelt_out(line)[:LONGEST] for line in lines[-TAIL_LINES:]]


def _line(text: str) -> str:
    """One line of at most 300 characters."""
    return " ".join(spelt_out(text).split())[:LONGEST]
