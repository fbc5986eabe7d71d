"""The explain job: a case's time, the device's ceilings, and where the time goes."""

from typing import Any

import torch
from pydantic import JsonValue
from torch.profiler import ProfilerActivity, profile

from sabench.cases.plan import Batch, Job
from sabench.catalog.runtimes import RUNTIMES
from sabench.measure.ceilings import measure_ceilings
from sabench.measure.instruments import make_timer
from sabench.measure.outcome import Outcome, conclude
from sabench.measure.protocol import ShowFigure, show_nothing
from sabench.measure.runner import measure_case
from sabench.measure.subject import DTYPES
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
    """The case's record, with ceilings and operators in its details. Never raises."""

    def work(taken: dict[str, Reading]) -> Outcome:
        outcome = measure_case(job, batch, flags, show_figure, taken)
        outcome.details["operators"] = operators(job)
        timer, dtype = make_timer(job), DTYPES[job.case.dtype]
        outcome.details["ceilings"] = {**measure_ceilings(job.device, dtype, timer)}
        return outcome

    return conclude(job, batch, termination, work)


def operators(job: Job) -> list[JsonValue]:
    """Each operator's, on a GPU each kernel's, calls and own seconds in a call of the case; the
    longest first."""
    runtime = RUNTIMES[job.case.runtime]
    subject = runtime.build(job)
    execution = runtime.load()(subject)
    is_cuda = job.device != "cpu"
    activities = [ProfilerActivity.CUDA if is_cuda else ProfilerActivity.CPU]
    with execution.context():
        for _ in range(2):
            execution.call()
        with profile(activities=activities) as profiled:
            for _ in range(PROFILED_CALLS):
                execution.call()
            if is_cuda:
                torch.cuda.synchronize(job.device)
    rows = [_row(event, is_cuda) for event in profiled.key_averages()]
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
