"""torch.compile with its defaults."""

import time
from typing import cast

import torch
from torch import nn
from torch._inductor.utils import fresh_cache

from sabench.measure.calls import execution_of
from sabench.measure.compiler import Compilation, forget_counts
from sabench.measure.execution import Execution
from sabench.measure.subject import Subject


def prepare(subject: Subject, backend: str = "inductor") -> Execution:
    """Compile, and time it: the first call compiles, so `compile_s` is that call's seconds.

    With inductor's caches empty: what an earlier run left on the disk would halve the figure.
    """
    torch.compiler.reset()
    forget_counts()
    with fresh_cache():
        start = time.perf_counter()
        compiled = cast(nn.Module, torch.compile(subject.module, backend=backend))
        execution = execution_of(subject, compiled)
        with execution.context():
            execution.call()
        execution.compile_s = time.perf_counter() - start
    execution.compilation = Compilation.counted()
    return execution
