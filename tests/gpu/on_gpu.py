"""What the GPU tests share: where they are skipped, and runs on the first device."""

from pathlib import Path
from typing import Any

import pytest
import torch

from making_runs import new_run, preset
from sabench.cases.case import Case
from sabench.cases.plan import make_jobs
from sabench.launch.events import Listener, ignore
from sabench.launch.process import ProcessLauncher
from sabench.launch.sweep import sweep
from sabench.launch.watch import Patience
from sabench.measure.environment import environment
from sabench.records import Record

DEVICE = "cuda:0"
SHORT = {
    "processes": 1, "warmup_min_s": 0.2, "warmup_max_s": 2.0, "budget_s": 1.0, "deadline_s": 60.0
}  # fmt: skip


MARKS = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


def measure_on_gpu(
    path: Path,
    cases: tuple[Case, ...],
    seed: int = 7,
    metrics: tuple[str, ...] = ("latency_warm",),
    listener: Listener = ignore,
    **constants: Any,
) -> list[Record]:
    """A sweep over the cases, each in a child's process, in the order of the seed."""
    folder = new_run(
        path,
        cases,
        devices=(DEVICE,),
        seed=seed,
        metrics=metrics,
        preset=preset(**SHORT | constants),
        environments={DEVICE: environment(DEVICE, ["gpu tests"])},
    )
    return sweep(folder, ProcessLauncher(), listener=listener, patience=Patience(grace_s=1.0))


def seed_that_starts_it_in_the_middle(cases: tuple[Case, ...], wanted: Case) -> int:
    """The first seed whose order has neighbours on both sides of that case."""
    constants = preset(**SHORT)
    for seed in range(100):
        jobs = make_jobs(cases, [DEVICE], ["latency_warm"], constants, seed)
        place = [job.case for job in jobs].index(wanted)
        if 0 < place < len(cases) - 1:
            return seed
    raise AssertionError("no seed puts it there")
