"""What measures a job: the timer of its device, the clock, the machine's load."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from sabench.cases.plan import Job
from sabench.catalog.presets import Preset
from sabench.measure.core_speed import speed_of_this_process
from sabench.measure.cpu_timer import CpuTimer
from sabench.measure.cuda_timer import CudaTimer
from sabench.measure.device_watch import DeviceWatch, NoWatch
from sabench.measure.fake_bench import FakeBench
from sabench.measure.load import MachineUsage, machine_usage
from sabench.measure.timer import Timer
from sabench.measure.turns import Awake
from sabench.measure.watching import make_watch


def torch_threads() -> int:
    """How many threads torch's operators use."""
    import torch

    return torch.get_num_threads()


@dataclass(frozen=True, slots=True)
class Instruments:
    """What the runner reads time and load with: real ones, or those of a script in a test."""

    timer: Timer
    clock: Callable[[], float] = time.perf_counter
    usage: Callable[[], MachineUsage | None] = machine_usage
    sleep: Callable[[float], None] = time.sleep
    watch: DeviceWatch = field(default_factory=NoWatch)
    threads: Callable[[], int] = torch_threads


def make_instruments(job: Job, preset: Preset, awake: Awake | None = None) -> Instruments:
    """Those of the job's device, or of the fake runtime's script.

    `awake`: the turns of a job that takes any, whose counters leave out what is done in between.

    Raises: ConfigError if the job is fake outside a test.
    """
    if job.case.runtime == "fake":
        bench = FakeBench.of(job)
        told = bench.timer, bench.clock, lambda: None, bench.clock.advance, bench.watch
        return Instruments(*told, threads=lambda: job.case.threads)
    if awake is None or job.device != "cpu":
        timer = make_timer(job.device, job.case.threads, preset.slow_core)
        return Instruments(timer, watch=make_watch(job, preset))
    timer = CpuTimer(
        job.case.threads,
        usage=awake.core_usage,
        speed=speed_of_this_process(),
        slow_core=preset.slow_core,
    )
    return Instruments(timer, usage=awake.machine_usage, watch=make_watch(job, preset))


def make_timer(device: str, threads: int, slow_core: float = 0.0) -> Timer:
    """The timer of a device; on a CPU one that reads the core, but for 0."""
    if device == "cpu":
        return CpuTimer(threads, speed=speed_of_this_process(), slow_core=slow_core)
    import torch

    torch.cuda.set_device(device)  # events are recorded on the current device's stream
    return CudaTimer(torch.cuda, device)
