"""The explain job: a case's time, where it goes, and the device's ceilings."""

from typing import Any

import torch
from pydantic import JsonValue
from torch.profiler import ProfilerActivity, profile

from sabench.cases.floor import least_work, precision
from sabench.cases.plan import Batch, Job
from sabench.measure.building import DTYPES
from sabench.measure.ceilings import measure_ceilings, moved_bytes
from sabench.measure.execution import Execution
from sabench.measure.instruments import make_timer
from sabench.measure.outcome import Outcome, conclude
from sabench.measure.protocol import ShowFigure, show_nothing
from sabench.measure.runner import measure_case
from sabench.measure.subject import Subject
from sabench.measure.termination import Termination
from sabench.records import Flag, Reading, Record

PROFILED_CALLS = 5


def run_explain(
    job: Job,
    batch: Batch,
    flags: tuple[Flag, ...] = (),
    show_figure: ShowFigure = show_nothing,
    termination: Termination | None = None,
) -> tuple[Record, bool]:
    """The case's record, with operators and ceilings in its details. Never raises."""

    def work(taken: dict[str, Reading]) -> Outcome:
        outcome = measure_case(job, batch, flags, show_figure, taken, also=profiled)
        least = least_work(job.case)
        assert least is not None  # asked for where there is a floor
        moved, dtype = moved_bytes(least), DTYPES[precision(job.case)]
        timer = make_timer(job.device, job.case.threads)
        told = measure_ceilings(job.device, dtype, moved, timer)
        outcome.details |= {
            "ceilings": {name: rate for name, rate in told.items() if isinstance(rate, float)},
            "no_ceilings": {name: why for name, why in told.items() if isinstance(why, str)},
            "moved_bytes": moved,
        }
        return outcome

    return conclude(job, batch, termination, work)


def profiled(subject: Subject, execution: Execution) -> dict[str, JsonValue]:
    """The operators of a call, or why there are none: the latency stands all the same."""
    try:
        return {"operators": operators(subject.device, execution)}
    except Exception as error:  # a stranger's module, or what watches it, may raise anything
        line = f"{type(error).__name__}: {error}".partition("\n")[0]
        return {"operators": [], "operators_reason": f"the call fails under the profiler: {line}"}


def operators(device: str, execution: Execution) -> list[JsonValue]:
    """Each operator's, on a GPU each kernel's, calls and own seconds in a call of the case; the
    longest first."""
    is_cuda = device != "cpu"
    with profile(activities=[ProfilerActivity.CUDA if is_cuda else ProfilerActivity.CPU]) as seen:
        for _ in range(PROFILED_CALLS):
            execution.own_call()
        if is_cuda:
            torch.cuda.synchronize(device)
    rows = [_row(event, is_cuda) for event in seen.key_averages()]
    told = sorted((row for row in rows if row["seconds"] > 0), key=lambda row: -row["seconds"])
    return [{**row} for row in told]


def _row(event: Any, is_cuda: bool) -> dict[str, Any]:
    own_us = event.self_cpu_time_total
    if is_cuda:
        on_device = event.device_type.name == "CUDA"  # a kernel; its operator has it too
        own_us = event.self_device_time_total if on_device else 0.0
    return {
        "name": str(event.key),
        "calls": event.count / PROFILED_CALLS,
        "seconds": own_us * 1e-6 / PROFILED_CALLS,
    }
