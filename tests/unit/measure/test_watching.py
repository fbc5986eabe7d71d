"""Who watches a job's device, and when: by the preset, around the timing and no longer."""

from typing import Any

import pytest
import torch

from fakes.nvml import FakeNvml
from making_runs import batch_of
from sabench.cases.case import Case
from sabench.cases.plan import Job, make_jobs
from sabench.catalog.presets import find_preset
from sabench.measure import neighbours, runner
from sabench.measure.device import Missing, Nvml
from sabench.measure.device_watch import DeviceSpan, NoWatch
from sabench.measure.instruments import Instruments, make_timer
from sabench.measure.neighbours import PROBE_BYTES
from sabench.measure.runner import run_job
from sabench.measure.sampler import DeviceSampler
from sabench.measure.sampler_process import ProcessSampler
from sabench.measure.watching import make_watch, own_pid_on
from sabench.records import Status

TINY = find_preset("quick").model_copy(
    update={"warmup_min_s": 0.01, "warmup_max_s": 0.05, "budget_s": 0.05, "samples_max": 20}
)


def job_on(device: str) -> Job:
    case = Case(kind="layer", subject="conv", channels=4, size=6)
    (job, *_) = make_jobs([case], [device], ("latency_warm",), TINY, seed=1)
    return job


def test_the_cpu_has_no_watch() -> None:
    assert isinstance(make_watch(job_on("cpu"), TINY), NoWatch)


def test_the_preset_says_from_where_a_device_is_watched(nvml: FakeNvml) -> None:
    assert isinstance(make_watch(job_on("cuda:0"), find_preset("standard")), DeviceSampler)
    assert isinstance(make_watch(job_on("cuda:0"), find_preset("strict")), ProcessSampler)


def test_the_device_is_watched_by_its_uuid(nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch) -> None:
    nvml.script(**{"gpus": 2, "0.sm_clock_mhz": 1000, "1.sm_clock_mhz": 1500})
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,0")
    watch = make_watch(job_on("cuda:0"), TINY)
    watch.start()
    watch.stop()
    assert watch.between(0, 1e9).sm_clock_mhz == 1500


def test_a_device_that_nothing_lists_is_watched_in_vain_and_says_so(nvml: FakeNvml) -> None:
    watch = make_watch(job_on("cuda:5"), TINY)
    watch.start()
    watch.stop()
    assert watch.reason == "NVML: Not Found"
    assert watch.between(0, 1e9) == DeviceSpan()


@pytest.fixture
def container(nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Our memory on the device is that of the host's process 40; what torch was asked for."""
    asked: list[str] = []

    def empty(size: int, *, dtype: torch.dtype, device: str) -> str:
        assert (size * dtype.itemsize, device) == (PROBE_BYTES, "cuda:0")
        asked.append("allocate")
        nvml.change(compute=f"40:{PROBE_BYTES + 7} 41:900")
        return "memory"

    nvml.script(compute="40:7 41:900")
    monkeypatch.setattr(neighbours, "is_host", lambda: False)
    monkeypatch.setattr(torch, "empty", empty)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: asked.append("empty cache"))
    return asked


def test_a_container_is_probed_once_with_memory_that_torch_does_not_keep(
    container: list[str],
) -> None:
    own_pid_on.cache_clear()
    with Nvml() as opened:
        device = opened.device("GPU-00000")
        assert own_pid_on("cuda:0")(device) == own_pid_on("cuda:0")(device) == 40
    assert container == ["empty cache", "allocate", "empty cache"]
    own_pid_on.cache_clear()


def test_a_case_that_leaves_no_memory_for_the_probe_is_not_told_apart(
    container: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(torch, "empty", full)
    own_pid_on.cache_clear()
    with Nvml() as opened:
        own = own_pid_on("cuda:0")(opened.device("GPU-00000"))
    assert own == Missing("in a container: no memory left for the probe")
    own_pid_on.cache_clear()


class Watched:
    """A watch that notes what is asked of it."""

    reason = ""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def start(self) -> None:
        self.heard.append("start")

    def stop(self) -> None:
        self.heard.append("stop")

    def between(self, start_s: float, end_s: float) -> DeviceSpan:
        self.heard.append("between")
        return DeviceSpan(isolation="alone")


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    watch = Watched()

    def tools(job: Job, *_: object) -> Instruments:
        return Instruments(make_timer(job.device, job.case.threads), watch=watch)

    monkeypatch.setattr(runner, "make_instruments", tools)
    return watch


def run(job: Job) -> Status:
    return run_job(job, batch_of([job], preset=TINY))[0].status


def test_a_job_is_watched_around_its_timing(watched: Watched) -> None:
    run(job_on("cpu"))
    assert watched.heard[0] == "start"
    assert watched.heard[-1] == "stop"
    assert set(watched.heard[1:-1]) == {"between"}


def test_a_job_that_fails_is_watched_no_longer(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> None:
        raise RuntimeError("a stranger's fault")

    monkeypatch.setattr(runner.Protocol, "measure", fails)
    assert run(job_on("cpu")) is Status.ERROR
    assert watched.heard == ["start", "stop"]
