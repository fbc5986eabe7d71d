"""What a process pays for once, paid before its first job: no case's figure is to carry it."""

from contextlib import suppress

import torch
from torch import nn

from sabench.cases.plan import Batch
from sabench.catalog.implementations import IMPLEMENTATIONS
from sabench.catalog.layers import BUILT_IN
from sabench.catalog.metrics import METRICS
from sabench.catalog.rows import load_target
from sabench.catalog.runtimes import RUNTIMES
from sabench.errors import SabenchError


def warm_process(batch: Batch) -> None:
    """Import our own that the batch's jobs name, and run one tiny convolution both ways.

    A stranger's layer and a peer's are imported by their own jobs, within their deadlines: here
    they could end them all.
    A part that fails is passed over: the job that needs it says what is wrong.
    """
    rows = {row.name: row for row in BUILT_IN}
    for job in batch.jobs:
        with suppress(SabenchError):
            RUNTIMES[job.case.runtime].load()
            load_target(RUNTIMES[job.case.runtime].subject)
            if job.plant != 1.0:
                load_target("sabench.measure.plant:plant")
        for name in job.metrics:
            with suppress(SabenchError):
                METRICS[name].load()
        row = rows.get(job.case.subject)
        if row and not job.case.file:
            with suppress(SabenchError):
                row.load()
                implementation = IMPLEMENTATIONS[job.case.implementation]
                if row.attention is not None and not implementation.package:
                    implementation.load()
    compiles = any(job.case.runtime == "compiled" for job in batch.jobs)
    with suppress(Exception):  # torch raises AssertionError for a device it was built without
        _run_tiny(batch.device, compiles=compiles)


def _run_tiny(device: str, *, compiles: bool) -> None:
    module: nn.Module = nn.Conv2d(8, 8, 3, padding=1).to(device)
    x = torch.ones(1, 8, 8, 8, device=device)
    with torch.inference_mode():
        module(x)
    torch.autograd.backward(module(x).relu().sum())
    if compiles:  # a compiler's own start takes ten seconds, a small module's compiling two
        torch.compile(nn.ReLU())(x)
    if device != "cpu":
        torch.cuda.synchronize(device)
