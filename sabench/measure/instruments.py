"""What measures a job: the timer of its device."""

import torch

from sabench.cases.plan import Job
from sabench.measure.cpu_timer import CpuTimer
from sabench.measure.cuda_timer import CudaTimer
from sabench.measure.timer import Timer


def make_timer(job: Job) -> Timer:
    """The timer of the job's device."""
    if job.device == "cpu":
        return CpuTimer(job.case.threads)
    torch.cuda.set_device(job.device)  # events are recorded on the current device's stream
    return CudaTimer(torch.cuda, job.device)
