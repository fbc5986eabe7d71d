"""What a fake job calls: nothing, or the fault that its script plants."""

import ctypes
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

from sabench.cases.plan import Job
from sabench.measure.fake_script import Fault, find_script
from sabench.measure.subject import Subject

FOR_EVER_S = 3600.0
TOO_MUCH = 10 * 1024**4  # bytes
GRANDCHILD = "sabench-fake-grandchild"  # in its command line, for a test to find


@dataclass(frozen=True, slots=True)
class FakeModule:
    """Gives its number back; before that it may do its worst. Takes no torch, which takes long."""

    fault: Fault | None

    def __call__(self, x: float) -> float:
        """The number, if it returns."""
        if self.fault is not None:
            commit(self.fault)
        return x if self.fault != "nonfinite" else math.nan


def build_subject(job: Job) -> Subject:
    """One number in and out, whatever the case: no layer is built.

    Raises: ConfigError outside a test.
    """
    rule = find_script().rule(job)
    module: Any = FakeModule(rule.fault)  # nothing asks more of either than a call
    number: Any = 1.0
    return Subject(job.case, job.device, job.seed, module, number, rule.seconds)


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
            import torch

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
