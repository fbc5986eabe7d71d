"""Bytes of a device by NVML: ours, everybody's, or the reason why not; on a fake NVML."""

import os

import pytest

from fakes.nvml import DRIVER_NOT_LOADED, GPU_IS_LOST, FakeNvml
from sabench.measure.device import Missing
from sabench.measure.device_memory import DeviceMemory

GIB = 1024**3


def memory() -> DeviceMemory:
    return DeviceMemory("cuda:0", lambda _: os.getpid())


def test_ours_is_told_apart_from_everybodys(nvml: FakeNvml) -> None:
    nvml.script(compute=f"1:5 self:{GIB}", memory_used=3 * GIB)
    with memory() as found:
        assert (found.of_process(), found.of_device()) == (GIB, 3 * GIB)


@pytest.mark.parametrize(
    ("compute", "said"),
    [("self:na", "NVML tells no size: WSL, WDDM"), ("1:5", "no process with this one's id")],
)
def test_a_size_that_is_not_told_is_a_reason(nvml: FakeNvml, compute: str, said: str) -> None:
    nvml.script(compute=compute)
    with memory() as found:
        assert said in str(found.of_process())
        assert isinstance(found.of_device(), int)


def test_a_container_that_hides_our_id_is_the_reason(nvml: FakeNvml) -> None:
    nvml.script(compute="7:5")
    hidden = Missing("a container's process ids differ from the host's")
    with DeviceMemory("cuda:0", lambda _: hidden) as found:
        assert found.of_process() == hidden


def test_a_refusal_now_or_midway_is_a_reason(nvml: FakeNvml) -> None:
    nvml.script(**{"error.nvmlDeviceGetHandleByUUID": DRIVER_NOT_LOADED})
    with memory() as found:
        assert found.of_process() == found.of_device() == Missing("NVML: Driver Not Loaded")
    nvml.script(compute="self:5")
    with memory() as found:
        assert found.of_process() == 5
        nvml.change(**{"error.device": GPU_IS_LOST})
        assert found.of_process() == found.of_device() == Missing("GPU is lost")
