"""The device layer on a real driver: what it tells, who we are, what is watched under load."""

import os
import time
from collections.abc import Iterator

import pytest
import torch

from sabench.launch.device_health import memory_came_back, probe, used_memory
from sabench.measure import neighbours
from sabench.measure.device import Device, Memory, Nvml
from sabench.measure.device_facts import device_facts
from sabench.measure.gpus import find_gpu
from sabench.measure.neighbours import is_host
from sabench.measure.sampler import DeviceSampler
from sabench.measure.sampler_process import ProcessSampler
from sabench.measure.watching import own_pid_on

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


@pytest.fixture
def device() -> Iterator[Device]:
    torch.ones(1, device="cuda:0")  # a context
    with Nvml() as nvml:
        yield nvml.device(find_gpu("cuda:0").uuid)


def load(seconds: float) -> None:
    ones = torch.ones(4096, 4096, device="cuda:0")
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        ones @ ones
        torch.cuda.synchronize()


def test_a_driver_tells_what_a_figure_is_judged_by() -> None:
    facts = device_facts("cuda:0").facts
    needed = ("driver", "sm_clock_mhz", "sm_clock_max_mhz", "power_w", "temperature_c", "pids")
    assert [name for name in needed if facts[name].startswith("unknown")] == []
    print({name: value for name, value in facts.items() if value.startswith("unknown")})


def test_the_memory_torch_takes_is_the_memory_nvml_tells(device: Device) -> None:
    before = device.memory()
    held = torch.empty(2**30, dtype=torch.uint8, device="cuda:0")
    after = device.memory()
    del held
    assert isinstance(before, Memory)
    assert isinstance(after, Memory)
    assert after.used - before.used == pytest.approx(2**30, rel=0.05)


def test_the_probe_of_a_container_finds_the_id_that_nvml_knows_us_by(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = is_host()
    monkeypatch.setattr(neighbours, "is_host", lambda: False)
    own_pid_on.cache_clear()
    found = own_pid_on("cuda:0")(device)
    own_pid_on.cache_clear()
    assert isinstance(found, int), found
    assert found == os.getpid() or not host


@pytest.mark.parametrize("sampler", [DeviceSampler, ProcessSampler])
def test_a_load_is_watched_and_is_ours_alone(
    sampler: type[DeviceSampler | ProcessSampler], device: Device
) -> None:
    watch = sampler(device.uuid, 0.1, own_pid_on("cuda:0"))
    watch.start()
    load(2.0)
    end = time.perf_counter()
    watch.stop()
    span = watch.between(end - 1.0, end)
    print(span, watch.reason)
    assert span.readings >= 5
    assert span.sm_clock_mhz
    assert span.power_w
    assert (span.isolation, span.foreign) == ("alone", ())


def test_the_energy_counter_rises_under_load(device: Device) -> None:
    before = device.energy_j()
    load(2.0)
    after = device.energy_j()
    assert isinstance(before, float)
    assert isinstance(after, float)
    assert after - before > 50.0  # no data-centre board draws under 25 W at work


def test_the_device_computes_and_a_fresh_process_leaves_it_clean(device: Device) -> None:
    before = used_memory(device.uuid)
    assert probe("cuda:0") == ""
    assert memory_came_back(device.uuid, (), before=before)
