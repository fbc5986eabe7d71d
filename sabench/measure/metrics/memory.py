"""Peak memory of one steady call, counted by torch's own allocator."""

import os
from collections.abc import Iterable
from typing import Any

import torch
from pydantic import JsonValue

from sabench.jsonl import spelt_out
from sabench.measure.calls import drop_gradients, leaves_of
from sabench.measure.device import Missing
from sabench.measure.device_memory import DeviceMemory
from sabench.measure.execution import Execution
from sabench.measure.periodic import Periodic
from sabench.measure.protocol import Protocol
from sabench.measure.subject import Subject
from sabench.measure.watching import own_pid_on
from sabench.records import Reading

STEADY_CALLS = 2
NVML_PERIOD_S = 0.02
ALLOCATOR = ("PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF")
REPLAYED = "a replay allocates nothing: its memory was taken when the graph was captured"
BOTH_HELD = "the network without folded norms is held beside it: see peak_allocated"
NOT_COLD = "torch's CPU allocator keeps no peak, and watching it would slow the first call"


def measure(subject: Subject, execution: Execution, protocol: Protocol) -> dict[str, Reading]:
    """Bytes allocated at the peak of a call, over what the built module and its input hold."""
    if subject.device == "cpu":
        return {
            "peak_allocated": _cpu_peak(subject, execution),
            "peak_allocated_cold": Reading.absent("B", NOT_COLD),
            "peak_reserved": Reading.absent("B", "torch reserves no memory on the CPU"),
            "process_memory": Reading.absent("B", "a device's figure; see peak_rss_growth"),
        }
    found = _cuda(torch.cuda, subject, execution)
    if subject.case.runtime == "cudagraph":
        peaks = ("peak_allocated", "peak_allocated_cold")
        found |= {name: Reading.absent("B", REPLAYED) for name in peaks}
    if subject.case.runtime == "folded":
        totals = ("peak_reserved", "process_memory")
        found |= {name: Reading.absent("B", BOTH_HELD) for name in totals}
    return found


def _cpu_peak(subject: Subject, execution: Execution) -> Reading:
    """From every allocation and release that torch's CPU allocator reports, workspaces included."""
    execution.own_call()
    drop_gradients(leaves_of(subject))  # else the call frees them first and seems to need less
    with torch.autograd.profiler.profile(profile_memory=True) as profile:
        out = execution.own_call()
        del out
    events = profile.kineto_results.events()
    changes = [event for event in events if event.name() == "[memory]"]
    if not changes:
        return Reading.absent("B", "torch's profiler reported no allocation")
    details: dict[str, JsonValue] = {"source": "torch's allocation events of one call"}
    changes.sort(key=lambda event: event.start_ns())  # of one moment: as they were reported
    return Reading.of("B", [peak_of(event.nbytes() for event in changes)], details=details)


def peak_of(changes: Iterable[int]) -> int:
    """The highest sum on the way through allocations (positive) and releases."""
    level = peak = 0
    for change in changes:
        level += change
        peak = max(peak, level)
    return peak


def _cuda(cuda: Any, subject: Subject, execution: Execution) -> dict[str, Reading]:
    """The allocator's own peaks over steady calls, after its cache was emptied; NVML's beside."""
    device = subject.device
    drop_gradients(leaves_of(subject))  # the last call's: they are none of what is held before
    cuda.empty_cache()
    cuda.synchronize(device)
    with DeviceMemory(device, own_pid_on(device)) as memory:
        base, base_all = memory.of_process(), memory.of_device()
        held = cuda.memory_allocated(device)
        cuda.reset_peak_memory_stats(device)
        with Periodic(lambda: _number(memory.of_process()), NVML_PERIOD_S) as log:
            for _ in range(STEADY_CALLS):
                execution.own_call()
            cuda.synchronize(device)
        allocated, reserved = cuda.max_memory_allocated(device), cuda.max_memory_reserved(device)
        used, used_all = memory.of_process(), memory.of_device()
    split = cuda.memory_stats(device).get("inactive_split_bytes.all.peak")
    peak: dict[str, JsonValue] = {"held_before_bytes": held, "peak_total_bytes": allocated}
    told: dict[str, JsonValue] = {"inactive_split_bytes": split, "allocator": _allocator(cuda)}
    return {
        "peak_allocated": Reading.of("B", [allocated - held], details=peak),
        "peak_allocated_cold": _cold(execution),
        "peak_reserved": Reading.of("B", [reserved], details=told),
        "process_memory": _process(
            [size for _, size in log.taken],
            used,
            {
                "base_bytes": _number(base),
                "device_growth_bytes": _difference(used_all, base_all),
                "context_overhead_bytes": _difference(used, reserved),
            },
        ),
    }


def _cold(execution: Execution) -> Reading:
    """The peak of the first call, in which libraries choose their workspaces."""
    first = execution.first_allocated
    if first is None:
        return Reading.absent("B", "the first call was not watched")
    details: dict[str, JsonValue] = {
        "held_before_bytes": first.held,
        "call": "the first" if execution.compile_s is None else "after the compiling one",
    }
    return Reading.of("B", [first.peak - first.held], details=details)


def _process(seen: list[int], used: int | Missing, details: dict[str, JsonValue]) -> Reading:
    """The most that NVML told of this process while it ran."""
    if isinstance(used, Missing):
        return Reading.absent("B", used.reason, details=details)
    return Reading.of("B", [max([used, *seen])], details=details)


def _allocator(cuda: Any) -> str:
    """torch's allocator and how it was set."""
    configured = next((os.environ[name] for name in ALLOCATOR if os.environ.get(name)), "default")
    return f"{cuda.get_allocator_backend()}, {spelt_out(configured)}"


def _number(told: int | Missing) -> int | None:
    return None if isinstance(told, Missing) else told


def _difference(after: int | Missing, before: int | Missing) -> int | None:
    if isinstance(after, Missing) or isinstance(before, Missing):
        return None
    return after - before
