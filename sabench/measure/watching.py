"""Who watches the device of a job: by its UUID, from where the preset says."""

from functools import cache
from typing import TYPE_CHECKING

from sabench.cases.plan import Job
from sabench.catalog.presets import Preset
from sabench.errors import DeviceError
from sabench.measure.device import Device, Missing
from sabench.measure.device_watch import DeviceWatch, NoWatch
from sabench.measure.gpus import find_gpu
from sabench.measure.neighbours import PROBE_BYTES, own_pid
from sabench.measure.sampler import DeviceSampler, FindOwn

if TYPE_CHECKING:
    from torch import Tensor


def make_watch(job: Job, preset: Preset) -> DeviceWatch:
    """The watch of the job's device; of the CPU none, since its load is read around every block."""
    if job.device == "cpu":
        return NoWatch()
    try:
        uuid = find_gpu(job.device).uuid
    except DeviceError:  # torch has it and nothing lists it: the watch says what is missing
        uuid = ""
    find_own = own_pid_on(job.device)
    if preset.sampler == "process":
        from sabench.measure.sampler_process import ProcessSampler  # pipes as Linux has them

        return ProcessSampler(uuid, preset.sampler_period_s, find_own)
    return DeviceSampler(uuid, preset.sampler_period_s, find_own)


@cache
def own_pid_on(device: str) -> FindOwn:
    """Looks once in a process: an id does not change, and the probe takes memory."""
    import torch

    found: dict[str, int | Missing] = {}

    def find(one: Device) -> int | Missing:
        if one.uuid not in found:
            try:
                found[one.uuid] = own_pid(one, lambda: _allocate(device))
            except torch.OutOfMemoryError:  # the case fills the device; it is timed all the same
                found[one.uuid] = Missing("in a container: no memory left for the probe")
            torch.cuda.empty_cache()
        return found[one.uuid]

    return find


def _allocate(device: str) -> "Tensor":
    """Fresh memory of the device: what torch keeps for later use must not serve."""
    import torch

    torch.cuda.empty_cache()
    return torch.empty(PROBE_BYTES, dtype=torch.uint8, device=device)
