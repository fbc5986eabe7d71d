"""A self-check inside a child: the same process, core and variables as a measured case."""

from collections.abc import Callable

import torch

from sabench.cases.plan import Batch, Job
from sabench.measure.cores import preset_of
from sabench.measure.outcome import Outcome, conclude
from sabench.measure.protocol import ShowFigure, show_nothing
from sabench.measure.selftest import any_device, cpu, cuda
from sabench.measure.selftest.bench import Bench
from sabench.measure.termination import Termination
from sabench.records import Flag, Reading, Record


def two_clocks(bench: Bench) -> Reading:
    """The timer's clock against another, as its kind of device allows."""
    return cpu.two_clocks(bench) if bench.device == "cpu" else cuda.two_clocks(bench)


READERS: dict[str, Callable[[Bench], Reading]] = {
    "fixed_work": cpu.fixed_work,
    "two_clocks": two_clocks,
    "own_cpu": cpu.own_cpu,
    "aa_pair": any_device.aa_pair,
    "planted_slowdown": any_device.planted_slowdown,
    "neighbour": cpu.neighbour,
    "wait_policy": cpu.wait_policy,
    "cold_warm": cuda.cold_warm,
    "spin": cuda.spin,
    "energy": any_device.energy,
}


def run_selftest(
    job: Job,
    batch: Batch,
    flags: tuple[Flag, ...] = (),
    show_figure: ShowFigure = show_nothing,
    termination: Termination | None = None,
) -> tuple[Record, bool]:
    """The record of one check: its reading, under its name. Never raises."""
    name = job.case.subject
    plant = str(job.case.options.get("plant", ""))
    bench = Bench(job.device, job.case.threads, preset_of(batch, flags), plant)

    def work(taken: dict[str, Reading]) -> Outcome:
        if job.device != "cpu":  # events are recorded on the current device's stream
            torch.cuda.set_device(job.device)
        taken[name] = READERS[name](bench)
        return Outcome(readings=taken, flags=flags)

    return conclude(job, batch, termination, work)
