"""What a fake job calls: nothing, or the fault that its script plants."""

import ctypes
import gc
import os
import signal
import subprocess
import sys
import time

import torch
from torch import Tensor, nn

from sabench.cases.plan import Job
from sabench.measure.fake_script import Fault, find_script
from sabench.measure.subject import Subject

FOR_EVER_S = 3600.0
TOO_MUCH = 10 * 1024**4  # bytes
GRANDCHILD = "sabench-fake-grandchild"  # in its command line, for a test to find


class FakeModule(nn.Module):
    """Multiplies by one parameter; before that it may do its worst."""

    def __init__(self, fault: Fault | None) -> None:
        super().__init__()
        self.fault = fault
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        """(1, 1) -> (1, 1), if it returns."""
        if self.fault is not None:
            commit(self.fault)
        return x * (self.scale if self.fault != "nonfinite" else float("nan"))


def build_subject(job: Job) -> Subject:
    """One number in and out, whatever the case: no layer is built.

    Raises: ConfigError outside a test.
    """
    rule = find_script().rule(job)
    gc.freeze()  # a real collection of torch's objects before each case takes a tenth of a second
    module = FakeModule(rule.fault).train(job.case.mode != "forward")
    return Subject(job.case, job.device, job.seed, module, torch.ones(1, 1), rule.seconds)


def commit(fault: Fault) -> None:
    """Do the real thing: faults are planted, not pretended."""
    match fault:
        case "segv":
            signal.signal(signal.SIGSEGV, signal.SIG_DFL)
            ctypes.string_at(0)
        case "abort":
            os.abort()
        case "exit":
            os._exit(0)
        case "sigkill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "raise":
            raise RuntimeError("on purpose")
        case "oom":
            torch.empty(TOO_MUCH, dtype=torch.uint8)
        case "hang":
            time.sleep(FOR_EVER_S)
        case "spin":
            while True:
                pass
        case "ignore_sigterm":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(FOR_EVER_S)
        case "grandchild" | "escaped_grandchild":
            code = (
                f"import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep({FOR_EVER_S})"
            )
            subprocess.Popen(
                [sys.executable, "-c", code, GRANDCHILD],
                start_new_session=fault == "escaped_grandchild",
            )
            time.sleep(FOR_EVER_S)
        case "nonfinite":
            pass  # in what comes out
