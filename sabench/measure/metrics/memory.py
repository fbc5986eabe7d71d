"""Peak memory of one steady call, counted by torch's own allocator."""

from collections.abc import Iterable
from typing import Any

import torch
from pydantic import JsonValue

from sabench.measure.device_facts import process_memory
from sabench.measure.execution import Execution, drop_gradients, leaves_of
from sabench.measure.protocol import Protocol
from sabench.measure.subject import Subject
from sabench.records import Reading

STEADY_CALLS = 2


def measure(subject: Subject, execution: Execution, protocol: Protocol) -> dict[str, Reading]:
    """Bytes allocated at the peak of a call, over what the built module and its input hold."""
    if subject.device == "cpu":
        return {
            "peak_allocated": _cpu_peak(subject, execution),
            "peak_allocated_cold": Reading.absent("B", "the first call is not watched on the CPU"),
            "peak_reserved": Reading.absent("B", "torch reserves no memory on the CPU"),
            "process_memory": Reading.absent("B", "a device's figure; see peak_rss_growth"),
        }
    return _cuda(torch.cuda, subject, execution)


def _cpu_peak(subject: Subject, execution: Execution) -> Reading:
    """From every allocation and release that torch's CPU allocator reports, workspaces included."""
    execution.call()
    drop_gradients(leaves_of(subject))  # else the call frees them first and seems to need less
    with torch.autograd.profiler.profile(profile_memory=True) as profile:
        out = execution.call()
        del out
    events = profile.kineto_results.events()
    changes = [(event.start_ns(), event.nbytes()) for event in events if event.name() == "[memory]"]
    if not changes:
        return Reading.absent("B", "torch's profiler reported no allocation")
    details: dict[str, JsonValue] = {"source": "torch's allocation events of one call"}
    return Reading.of("B", [peak_of(change for _, change in sorted(changes))], details=details)


def peak_of(changes: Iterable[int]) -> int:
    """The highest sum on the way through allocations (positive) and releases."""
    level = peak = 0
    for change in changes:
        level += change
        peak = max(peak, level)
    return peak


def _cuda(cuda: Any, subject: Subject, execution: Execution) -> dict[str, Reading]:
    """The allocator's own peaks over steady calls, after its cache was emptied."""
    device = subject.device
    drop_gradients(leaves_of(subject))  # the last call's: they are none of what is held before
    cuda.synchronize(device)
    cuda.empty_cache()
    held = cuda.memory_allocated(device)
    cuda.reset_peak_memory_stats(device)
    for _ in range(STEADY_CALLS):
        execution.call()
    cuda.synchronize(device)
    allocated, reserved = cuda.max_memory_allocated(device), cuda.max_memory_reserved(device)
    details: dict[str, JsonValue] = {"held_before_bytes": held, "peak_total_bytes": allocated}
    used = process_memory(device)
    return {
        "peak_allocated": Reading.of("B", [allocated - held], details=details),
        "peak_allocated_cold": Reading.absent("B", "the first call was not watched"),
        "peak_reserved": Reading.of("B", [reserved]),
        "process_memory": (
            Reading.absent("B", used) if isinstance(used, str) else Reading.of("B", [used])
        ),
    }
