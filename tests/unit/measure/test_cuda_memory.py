"""The peak of a call on a CUDA device, in order, by the stand-in; NVML's part by the fake one."""

import os
import time
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from fakes.cuda_stand_in import DEVICE, CudaStandIn
from fakes.nvml import FakeNvml
from sabench.measure import calls
from sabench.measure.calls import execution_of, watch_allocated
from sabench.measure.cuda_timer import CudaTimer
from sabench.measure.device import Missing
from sabench.measure.device_memory import DeviceMemory
from sabench.measure.execution import AllocatedPeak
from sabench.measure.metrics import memory
from sabench.measure.runner import first_call
from sabench.records import Reading

CONTEXT = 500


class Counted(CudaStandIn):
    """Holds forty bytes for every gradient that somebody keeps, and notes what is read."""

    leaves: tuple[torch.Tensor, ...] = ()

    def is_initialized(self) -> bool:
        return True

    def memory_allocated(self, device: str) -> int:
        self.log.append("read held")
        return 100 + sum(one.grad is not None for one in self.leaves) * 40

    def max_memory_allocated(self, device: str) -> int:
        peak = super().max_memory_allocated(device)
        self.log.append("read peak")
        return peak

    def max_memory_reserved(self, device: str) -> int:
        return self.reserved

    def memory_stats(self, device: str) -> dict[str, int]:
        return {"inactive_split_bytes.all.peak": 64}

    def get_allocator_backend(self) -> str:
        return "native"


class Told:
    """NVML for the metric: scripted answers, each read noted; the last one stays."""

    def __init__(self, cuda: Counted, *sizes: int | Missing) -> None:
        self.cuda, self.sizes = cuda, list(sizes)

    def __enter__(self) -> "Told":
        return self

    def __exit__(self, *_: object) -> None:
        self.cuda.log.append("close NVML")

    def of_device(self) -> int:
        return 2000 + len([one for one in self.cuda.log if one == "call"])

    def of_process(self) -> int | Missing:
        return self.sizes.pop(0) if len(self.sizes) > 1 else self.sizes[0]


def measured(
    monkeypatch: pytest.MonkeyPatch,
    told: Any = None,
    first: AllocatedPeak | None = None,
    allocator: str = "",
    runtime: str = "eager",
) -> tuple[Counted, dict[str, Reading]]:
    cuda = Counted()
    source = told or (lambda cuda: Told(cuda, Missing("not told")))
    monkeypatch.setattr(memory, "torch", SimpleNamespace(cuda=cuda))
    monkeypatch.setattr(memory, "DeviceMemory", lambda device, find_own: source(cuda))
    monkeypatch.setattr(memory, "NVML_PERIOD_S", 60.0)  # before, after, and no read between
    for name in memory.ALLOCATOR:
        monkeypatch.setenv(name, allocator)
    module, x = nn.Linear(2, 2), torch.ones(1, 2, requires_grad=True)
    module(x).sum().backward()  # the call before left its gradients
    cuda.leaves = (x, *module.parameters())
    subject: Any = SimpleNamespace(
        case=SimpleNamespace(runtime=runtime), device=DEVICE, module=module, x=x
    )
    execution: Any = SimpleNamespace(own_call=cuda.call, first_allocated=first, compile_s=None)
    found = memory.measure(subject, execution, None)  # type: ignore[arg-type]
    return cuda, found


def test_totals_of_a_process_that_holds_both_networks_are_not_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = {name: measured(monkeypatch, runtime=name)[1] for name in ("eager", "folded")}
    for name in ("peak_reserved", "process_memory"):
        assert told["folded"][name].reason == memory.BOTH_HELD
        assert told["eager"][name].reason != memory.BOTH_HELD
    assert told["folded"]["peak_allocated"].median == told["eager"]["peak_allocated"].median


def test_the_peak_is_read_after_the_work_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turned red by reading before the second synchronisation, or resetting after a call."""
    cuda, found = measured(monkeypatch)
    before = ["empty_cache", "synchronize", "read held", "reset_peak"]
    assert cuda.log == [*before, "call", "call", "synchronize", "read peak", "close NVML"]
    assert found["peak_allocated"].median == 350 - 100
    assert found["peak_allocated"].details == {"held_before_bytes": 100, "peak_total_bytes": 350}
    assert found["peak_reserved"].median == 512
    assert found["peak_reserved"].details == {
        "inactive_split_bytes": 64,
        "allocator": "native, default",
    }


def test_the_settings_of_the_allocator_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    _, found = measured(monkeypatch, allocator="expandable_segments:True")
    assert found["peak_reserved"].details["allocator"] == "native, expandable_segments:True"


def test_what_nvml_tells_of_the_process_is_its_highest_and_what_torch_lacks_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, found = measured(monkeypatch, lambda cuda: Told(cuda, 700, 750, 1500, 512 + CONTEXT))
    reading = found["process_memory"]
    assert reading.median == 1500  # seen by the sampler; it was less before and after
    assert reading.details == {
        "base_bytes": 700,
        "device_growth_bytes": 2,
        "context_overhead_bytes": CONTEXT,
    }


def test_without_nvmls_word_the_reason_stands_and_torchs_peaks_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, found = measured(monkeypatch)
    assert found["process_memory"].reason == "not told"
    assert found["process_memory"].details["context_overhead_bytes"] is None
    assert found["peak_allocated"].samples


def test_the_process_is_watched_every_20_ms_while_the_calls_run(
    nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch
) -> None:
    nvml.script(compute="self:1000")
    cuda = Counted()

    def call() -> None:
        nvml.change(compute="self:9000")
        time.sleep(0.1)
        nvml.change(compute="self:2000")
        cuda.call()

    monkeypatch.setattr(memory, "torch", SimpleNamespace(cuda=cuda))
    monkeypatch.setattr(memory, "own_pid_on", lambda device: lambda _: os.getpid())
    monkeypatch.setattr(memory, "DeviceMemory", on_the_fakes_board)
    subject: Any = SimpleNamespace(
        case=SimpleNamespace(runtime="eager"), device=DEVICE, module=nn.Identity(), x=torch.ones(1)
    )
    execution: Any = SimpleNamespace(own_call=call, first_allocated=None, compile_s=None)
    found = memory.measure(subject, execution, None)  # type: ignore[arg-type]
    assert found["process_memory"].median == 9000
    assert found["process_memory"].details["base_bytes"] == 1000


def on_the_fakes_board(device: str, find_own: Any) -> DeviceMemory:
    return DeviceMemory("cuda:0", find_own)


def test_the_first_calls_peak_is_a_figure_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    _, found = measured(monkeypatch, first=AllocatedPeak(held=100, peak=1100))
    assert found["peak_allocated_cold"].median == 1000
    assert found["peak_allocated_cold"].details["call"] == "the first"
    _, found = measured(monkeypatch)
    assert found["peak_allocated_cold"].reason == "the first call was not watched"


def test_a_peak_is_begun_before_the_first_call_and_read_behind_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cuda = Counted()
    monkeypatch.setattr(calls, "torch", SimpleNamespace(cuda=cuda))
    peak = watch_allocated(DEVICE)
    cuda.call()
    cuda.synchronize(DEVICE)
    assert peak() == AllocatedPeak(held=100, peak=350)
    assert cuda.log == ["read held", "reset_peak", "call", "synchronize", "read peak"]
    assert watch_allocated("cpu")() is None


def test_the_runner_keeps_the_first_calls_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turned red by leaving the watch out of `first_call`."""
    cuda = Counted()
    monkeypatch.setattr(torch, "cuda", cuda)
    out = torch.ones(1)

    def call() -> torch.Tensor:
        cuda.call()
        return out

    subject: Any = SimpleNamespace(
        case=SimpleNamespace(mode="forward", kind="layer", autocast="none"),
        device=DEVICE,
        module=nn.Identity(),
        x=out,
    )
    execution = execution_of(subject, subject.module)
    execution.call = call
    first_call(execution, CudaTimer(cuda, DEVICE, cuda.clock_ns))
    assert execution.first_allocated == AllocatedPeak(held=100, peak=350)
    steps = ["read held", "reset_peak", "synchronize", "call", "synchronize", "read peak"]
    assert cuda.log == steps
