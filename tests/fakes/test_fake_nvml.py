"""The fake NVML behind the real nvidia-ml-py: what a script says is what is answered."""

import os
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pynvml
import pytest

from fakes.nvml import DRIVER_NOT_LOADED, ERRORS, GPU_IS_LOST, NO_PERMISSION, FakeNvml


@pytest.fixture
def board(nvml: FakeNvml) -> Any:
    pynvml.nvmlInit()
    yield pynvml.nvmlDeviceGetHandleByIndex(0)
    nvml.script()
    pynvml.nvmlShutdown()


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(pynvml.NVMLError) as raised:
        call()
    return str(raised.value)


def test_an_empty_script_is_one_healthy_device(nvml: FakeNvml, board: Any) -> None:
    assert pynvml.nvmlDeviceGetCount() == 1
    assert pynvml.nvmlDeviceGetName(board) == "NVIDIA H200"
    assert pynvml.nvmlDeviceGetUUID(board) == "GPU-00000"
    assert pynvml.nvmlDeviceGetClockInfo(board, pynvml.NVML_CLOCK_SM) == 1980
    assert pynvml.nvmlDeviceGetComputeRunningProcesses(board) == []


def test_a_change_midway_is_the_next_answer(nvml: FakeNvml, board: Any) -> None:
    nvml.change(power_mw=120_000)
    assert pynvml.nvmlDeviceGetPowerUsage(board) == 120_000
    nvml.change(**{"power_mw": 130_000, "1.power_mw": 7})
    assert pynvml.nvmlDeviceGetPowerUsage(board) == 130_000
    nvml.script()
    assert pynvml.nvmlDeviceGetPowerUsage(board) == 350_000


def test_processes_come_with_memory_and_use(nvml: FakeNvml, board: Any) -> None:
    nvml.change(compute="123:1024 self:na", use="123:37")
    found = pynvml.nvmlDeviceGetComputeRunningProcesses(board)
    assert [(one.pid, one.usedGpuMemory) for one in found] == [(123, 1024), (os.getpid(), None)]
    (sample,) = pynvml.nvmlDeviceGetProcessUtilization(board, 0)
    assert (sample.pid, sample.smUtil) == (123, 37)
    assert refused(lambda: pynvml.nvmlDeviceGetProcessUtilization(board, 2**63)) == "Not Found"


@pytest.mark.parametrize("code", ERRORS)
def test_a_call_fails_with_the_scripted_code(nvml: FakeNvml, board: Any, code: int) -> None:
    nvml.change(**{"error.nvmlDeviceGetPowerUsage": code})
    assert refused(lambda: pynvml.nvmlDeviceGetPowerUsage(board)) == ERRORS[code]
    assert pynvml.nvmlDeviceGetTemperature(board, 0) == 55


def test_a_lost_device_answers_nothing(nvml: FakeNvml, board: Any) -> None:
    nvml.change(**{"error.device": GPU_IS_LOST})
    assert refused(lambda: pynvml.nvmlDeviceGetTemperature(board, 0)) == "GPU is lost"
    assert refused(lambda: pynvml.nvmlDeviceGetUUID(board)) == "GPU is lost"


def test_a_driver_that_is_not_loaded_refuses_to_begin(nvml: FakeNvml) -> None:
    nvml.script(**{"error.nvmlInit": DRIVER_NOT_LOADED})
    assert refused(pynvml.nvmlInit) == "Driver Not Loaded"


def test_a_symbol_can_be_missing_and_so_can_the_library(nvml: FakeNvml) -> None:
    nvml.without("nvmlDeviceGetPowerUsage")
    pynvml.nvmlInit()
    board = pynvml.nvmlDeviceGetHandleByIndex(0)
    assert refused(lambda: pynvml.nvmlDeviceGetPowerUsage(board)) == "Function Not Found"
    pynvml.nvmlShutdown()
    nvml.missing()
    assert refused(pynvml.nvmlInit) == "NVML Shared Library Not Found"


def test_instances_have_their_own_ids_and_no_board_values(nvml: FakeNvml, board: Any) -> None:
    nvml.change(**{"0.instances": 2, "0.mig": 1, "0.mig1.uuid": "MIG-b", "compute": "5:1"})
    instance = pynvml.nvmlDeviceGetMigDeviceHandleByIndex(board, 1)
    assert pynvml.nvmlDeviceGetUUID(instance) == "MIG-b"
    assert pynvml.nvmlDeviceGetName(instance) == "NVIDIA H200 MIG 1g.18gb"
    assert pynvml.nvmlDeviceGetComputeRunningProcesses(instance) == []
    assert refused(lambda: pynvml.nvmlDeviceGetPowerUsage(instance)) == "Not Supported"
    parent = pynvml.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(instance)
    assert pynvml.nvmlDeviceGetUUID(parent) == "GPU-00000"


def energies(board: Any, times: int = 5) -> list[int]:
    return [pynvml.nvmlDeviceGetTotalEnergyConsumption(board) for _ in range(times)]


def test_the_energy_counter_runs_as_scripted(nvml: FakeNvml, board: Any) -> None:
    nvml.change(energy="step", energy_step_mj=250)
    found = energies(board)
    assert [after - before for before, after in pairwise(found)] == [250] * 4
    nvml.change(energy="backwards")
    found = energies(board)
    assert found == sorted(found, reverse=True)
    nvml.change(energy="frozen", energy_mj=77)
    assert energies(board) == [77] * 5
    nvml.change(energy="zero")
    assert energies(board) == [0] * 5
    nvml.change(energy="normal", power_mw=10**9, energy_period_ms=1)
    found = energies(board, 2000)
    assert found == sorted(found)


def test_instant_and_total_figures_come_as_fields_too(nvml: FakeNvml, board: Any) -> None:
    nvml.change(power_instant_mw=9, energy="frozen", energy_mj=2**40)
    instant, total, other = pynvml.nvmlDeviceGetFieldValues(board, [186, 83, 1])
    assert (instant.nvmlReturn, instant.value.uiVal) == (0, 9)
    assert (total.nvmlReturn, total.value.ullVal) == (0, 2**40)
    assert other.nvmlReturn == pynvml.NVML_ERROR_NOT_SUPPORTED


def test_a_child_process_sees_the_same_device(nvml: FakeNvml) -> None:
    nvml.change(**{"error.nvmlDeviceGetCount": NO_PERMISSION})
    code = "import pynvml as n; n.nvmlInit(); n.nvmlDeviceGetCount()"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | nvml.environ, capture_output=True, text=True
    )
    assert done.stderr.strip().endswith("Insufficient Permissions")
