"""A device after a fault: on a fake NVML, and with real processes that fail in each way."""

import sys
import threading
import time

import pytest

from fakes.nvml import GPU_IS_LOST, NO_PERMISSION, FakeNvml
from sabench.errors import DeviceError, ExitCode
from sabench.launch import device_health
from sabench.launch.device_health import memory_came_back, probe, require_health, used_memory
from sabench.measure import device_probe

GPU = "GPU-00000"
GIB = 1024**3


def came_back(pids: tuple[int, ...] = (7,), before: int | None = None) -> bool:
    """Asked at a clock that runs with the waiting."""
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    return memory_came_back(GPU, pids, before=before, clock=lambda: now[0], sleep=sleep)


def test_a_process_that_still_holds_memory_is_seen(nvml: FakeNvml) -> None:
    nvml.script(compute=f"7:{GIB} 9:{GIB}")
    assert not came_back()
    assert not came_back((5, 7))
    assert came_back((5, 6))
    nvml.script(graphics="7:1")
    assert not came_back()


def test_it_is_waited_for_as_long_as_allowed(nvml: FakeNvml) -> None:
    nvml.script(compute=f"7:{GIB}")
    threading.Timer(0.3, nvml.script).start()
    start = time.monotonic()
    assert memory_came_back(GPU, [7], within_s=20.0)
    assert 0.2 < time.monotonic() - start < 10


def test_memory_without_an_owner_is_seen_against_what_was_in_use(nvml: FakeNvml) -> None:
    nvml.script(memory_used=5 * GIB)
    assert used_memory(GPU) == 5 * GIB
    assert not came_back(before=GIB)
    assert came_back(before=5 * GIB)
    nvml.change(compute=f"9:{4 * GIB}")  # somebody else's, then
    assert came_back(before=GIB)


def test_in_a_container_the_memory_in_use_decides(
    nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_health, "is_host", lambda: False)
    nvml.script(compute=f"7:{GIB}", memory_used=5 * GIB)  # 7 is the host's 7
    assert not came_back(before=GIB)
    assert came_back(before=5 * GIB)
    assert came_back()


def test_where_nothing_is_told_nothing_speaks_against_the_device(nvml: FakeNvml) -> None:
    nvml.script(**{"error.device": GPU_IS_LOST})
    assert came_back()
    nvml.script(**{"error.nvmlInit": NO_PERMISSION})
    assert came_back()
    assert used_memory(GPU) is None
    assert memory_came_back(None, [7])


def test_a_device_that_computes_is_healthy() -> None:
    assert device_probe.probe("cpu", 0.01) == ""


def test_wrong_products_and_errors_are_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_probe, "SIZE", 4)
    ones = device_probe.torch.ones
    monkeypatch.setattr(device_probe.torch, "ones", lambda *size, device: 2 * ones(*size))
    assert device_probe.probe("cpu", 0.01) == "it computes wrong products"
    monkeypatch.undo()
    assert "nonsense" in device_probe.probe("nonsense", 0.01)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("pass", ""),
        ("import os; os.abort()", "a fresh process was ended by SIGABRT"),
        ("raise SystemExit(3)", "a fresh process ended with exit code 3"),
        ("raise SystemExit('CUDA error: unspecified')", "CUDA error: unspecified"),
    ],
)
def test_a_probe_tells_how_its_process_ended(code: str, told: str) -> None:
    assert probe("cpu", [sys.executable, "-c", code], timeout_s=30.0) == told


def test_a_probe_that_hangs_is_ended() -> None:
    hangs = [sys.executable, "-c", "import time; time.sleep(60)"]
    assert probe("cpu", hangs, timeout_s=0.5) == "a fresh process did not end within 0.5 s"


def test_the_probe_that_is_shipped_succeeds_on_the_cpu() -> None:
    assert probe("cpu") == ""


def test_two_failed_probes_end_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = ["a fault", "", "a fault", "another"]
    monkeypatch.setattr(device_health, "probe", lambda device: answers.pop(0))
    require_health("cuda:0")
    with pytest.raises(
        DeviceError, match=r"cuda:0 does not compute any more \(another\)"
    ) as raised:
        require_health("cuda:0")
    assert raised.value.exit_code is ExitCode.DEVICE
    assert answers == []
