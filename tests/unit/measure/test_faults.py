"""What an exception inside a job means."""

import json
import subprocess
import sys

import pytest
import torch

from sabench.errors import ConfigError, DeviceError
from sabench.measure.faults import NonFiniteError, classify, requested_bytes
from sabench.records import Status

CPU_ALLOCATOR = (
    "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: "
    "you tried to allocate 10995116277760 bytes. Error code 12 (Cannot allocate memory)"
)
CUDA_ALLOCATOR = "CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of 1"


@pytest.mark.parametrize(
    ("error", "status", "ends"),
    [
        (MemoryError(), Status.OOM, True),
        (RuntimeError(CPU_ALLOCATOR), Status.OOM, True),
        (RuntimeError("std::bad_alloc"), Status.OOM, True),
        (torch.OutOfMemoryError(CUDA_ALLOCATOR), Status.OOM, True),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), Status.ERROR, True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), Status.ERROR, False),
        (RuntimeError("\"conv\" not implemented for 'Half'"), Status.UNSUPPORTED, False),
        (NotImplementedError("forward"), Status.ERROR, False),
        (ConfigError("heads=3 does not divide"), Status.UNSUPPORTED, False),
        (NonFiniteError("NaN"), Status.NONFINITE, False),
        (DeviceError("gone"), Status.ERROR, False),
        (SystemExit(0), Status.ERROR, False),
        (KeyboardInterrupt(), Status.ERROR, False),
        (ValueError("says out of memory, and is none"), Status.ERROR, False),
    ],
)
def test_an_exception_has_one_status(error: BaseException, status: Status, ends: bool) -> None:
    fault = classify(error, "cpu")
    assert (fault.status, fault.ends_process) == (status, ends)


@pytest.mark.parametrize(
    ("message", "asked"),
    [
        (CPU_ALLOCATOR, 10 * 1024**4),
        (CUDA_ALLOCATOR, int(2.5 * 1024**3)),
        ("Tried to allocate 20.00 MiB", 20 * 1024**2),
        ("no figure", None),
    ],
)
def test_the_bytes_asked_for_are_read_from_the_message(message: str, asked: int | None) -> None:
    assert requested_bytes(message) == asked


def test_a_cuda_case_without_memory_tells_what_its_own_device_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    has = {"cuda:1": (2**30, 2**31)}
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: has[device])
    fault = classify(torch.OutOfMemoryError(CUDA_ALLOCATOR), "cuda:1")
    names = ("requested_bytes", "free_bytes", "total_bytes")
    assert [fault.details[name] for name in names] == [int(2.5 * 2**30), 2**30, 2**31]


def test_a_process_with_a_limit_tells_what_the_limit_leaves() -> None:
    limited = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30)); "
        "from sabench.measure.faults import classify; fault = classify(MemoryError(), 'cpu'); "
        "print(fault.details['free_bytes'], fault.details['total_bytes'], fault.message)"
    )
    done = subprocess.run([sys.executable, "-c", limited], capture_output=True, text=True)
    free, total, message = done.stdout.split(" ", 2)
    assert 0 < int(free) < int(total) == 2**30
    assert "MiB of its 1.00 GiB of address space free (--memory-limit); use a smaller" in message


def test_a_device_that_tells_no_memory_leaves_the_fault_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def gone(_: str) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(torch.cuda, "mem_get_info", gone)
    fault = classify(torch.OutOfMemoryError(CUDA_ALLOCATOR), "cuda:1")
    assert fault.status is Status.OOM
    assert fault.details["free_bytes"] is fault.details["total_bytes"] is None


def test_a_message_is_one_line_of_bounded_length() -> None:
    fault = classify(ValueError("many\n  lines\n" + 1000 * "x"), "cpu")
    assert fault.message.startswith("ValueError: many lines xxx")
    assert len(fault.message) == 300


def test_a_name_that_is_no_text_is_spelt_out() -> None:
    """What a file name holds that is not UTF-8 is a lone surrogate, which no file can hold."""
    try:
        raise RuntimeError("cannot open w\udcff.bin")
    except RuntimeError as error:
        fault = classify(error, "cpu")
    assert fault.message == r"RuntimeError: cannot open w\udcff.bin"
    assert json.dumps(fault.details, ensure_ascii=False).encode()


def test_the_end_of_the_traceback_is_kept() -> None:
    def recurse(depth: int) -> None:
        if not depth:
            raise ValueError("deep")
        recurse(depth - 1)

    with pytest.raises(ValueError, match="deep") as caught:
        recurse(50)
    traceback = classify(caught.value, "cpu").details["traceback"]
    assert isinstance(traceback, list)
    assert len(traceback) <= 12
    assert traceback[-1] == "ValueError: deep"
