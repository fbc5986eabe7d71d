"""What measures a job: the timer of its device, the clock, the machine's load."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from sabench.cases.plan import Job
from sabench.catalog.presets import Preset
from sabench.measure.cpu_timer import CpuTimer
from sabench.measure.cuda_timer import CudaTimer
from sabench.measure.device_watch import DeviceWatch, NoWatch
from sabench.measure.fake_bench import FakeBench
from sabench.measure.load import MachineUsage, machine_usage
from sabench.measure.timer import Timer
from sabench.measure.watching import make_watch


@dataclass(frozen=True, slots=True)
class Instruments:
    """What the runner reads time and load with: real ones, or those of a script in a test."""

    timer: Timer
    clock: Callable[[], float] = time.perf_counter
    usage: Callable[[], MachineUsage | None] = machine_usage
    sleep: Callable[[float], None] = time.sleep
    watch: DeviceWatch = field(default_factory=NoWatch)


def make_instruments(job: Job, preset: Preset, *, shares_cores: bool = False) -> Instruments:
    """Those of the job's device, or of the fake runtime's script.

    `shares_cores`: other processes work on our cores between our turns, so that only what is read
    around each block tells of strangers.

    Raises: ConfigError if the job is fake outside a test.
    """
    if job.case.runtime == "fake":
        bench = FakeBench.of(job)
        return Instruments(bench.timer, bench.clock, lambda: None, bench.clock.advance, bench.watch)
    timer, watch = make_timer(job, shares_cores=shares_cores), make_watch(job, preset)
    usage = (lambda: None) if shares_cores else machine_usage
    return Instruments(timer, usage=usage, watch=watch)


def make_timer(job: Job, *, shares_cores: bool = False) -> Timer:
    """The timer of the job's device."""
    if job.device == "cpu":
        return CpuTimer(job.case.threads, shares_cores=shares_cores)
    torch.cuda.set_device(job.device)  # events are recorded on the current device's stream
    return CudaTimer(torch.cuda, job.device)
