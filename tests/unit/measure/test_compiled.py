"""What the compiler is seen to do: breaks in the graph, compilations after the first call."""

import pytest
import torch
from torch import Tensor, nn

from making_runs import batch_of
from sabench.cases.case import Case
from sabench.cases.plan import make_jobs
from sabench.catalog.presets import find_preset
from sabench.measure.calls import execution_of
from sabench.measure.cpu_timer import CpuTimer
from sabench.measure.execution import Execution
from sabench.measure.metrics import compilation, latency
from sabench.measure.protocol import Protocol
from sabench.measure.runner import run_job
from sabench.measure.runtimes import compiled
from sabench.measure.subject import Subject
from sabench.records import SHOWN, Flag

CASE = Case(kind="layer", subject="conv", channels=4, size=6, runtime="compiled")
TINY = find_preset("quick").model_copy(
    update={"warmup_min_s": 0.0, "warmup_max_s": 0.02, "budget_s": 0.02, "samples_max": 10}
)


class Breaks(nn.Module):
    """Two breaks, so three graphs."""

    def forward(self, x: Tensor) -> Tensor:
        x = x + 1
        torch._dynamo.graph_break()
        x = x * 2
        torch._dynamo.graph_break()
        return x.relu()


class Widens(nn.Module):
    """Another width from its tenth call on: what was compiled no longer holds."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.calls = nn.ReLU(), 0

    @torch._dynamo.disable
    def widen(self, x: Tensor) -> Tensor:
        self.calls += 1
        return torch.cat([x, x]) if self.calls >= 10 else x

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(self.widen(x)) + 1


def prepared(module: nn.Module) -> tuple[Subject, Execution]:
    subject = Subject(CASE, "cpu", 1, module, torch.ones(2, 3), 0.0)
    return subject, compiled.prepare(subject, backend="eager")


def test_a_whole_graph_has_no_break() -> None:
    _, execution = prepared(nn.ReLU())
    assert execution.compilation is not None
    assert execution.compilation.breaks == {}
    assert execution.compile_s is not None


def test_each_break_is_counted_with_its_reason() -> None:
    _, execution = prepared(Breaks())
    assert execution.compilation is not None
    assert execution.compilation.breaks == {"Call to `torch._dynamo.graph_break()`": 2}


def test_an_earlier_cases_breaks_are_not_this_ones() -> None:
    prepared(Breaks())
    _, execution = prepared(nn.ReLU())
    assert execution.compilation is not None
    assert execution.compilation.breaks == {}


@pytest.mark.parametrize(("module", "recompiles"), [(nn.ReLU, False), (Widens, True)])
def test_compiling_while_it_is_timed_is_flagged(module: type[nn.Module], recompiles: bool) -> None:
    subject, execution = prepared(module())
    protocol = Protocol(TINY, CpuTimer(1))
    with execution.context():
        found = latency.measure(subject, execution, protocol)
        found |= compilation.measure(subject, execution, protocol)
    assert (Flag.RECOMPILED in found["latency_warm"].flags) is recompiles
    assert (Flag.RECOMPILED in found["recompiles"].flags) is recompiles
    assert bool(found["recompiles"].median) is recompiles
    assert found["graph_breaks"].samples
    assert found["compile_time"].samples


def test_an_eager_call_has_nothing_compiled() -> None:
    subject = Subject(CASE, "cpu", 1, nn.ReLU(), torch.ones(2, 3), 0.0)
    execution = execution_of(subject, subject.module)
    protocol = Protocol(TINY, CpuTimer(1))
    found = latency.measure(subject, execution, protocol)
    found |= compilation.measure(subject, execution, protocol)
    for name in ("graph_breaks", "recompiles", "compile_time"):
        assert found[name].reason == "the runtime does not compile"
    assert found["host_time"].reason == "on the CPU a call's wall time is latency_warm"


@pytest.mark.filterwarnings("ignore:`torch.jit.script_method`:DeprecationWarning")  # inductor's own
def test_a_compiled_job_tells_its_compiling_and_compiles_once() -> None:
    metrics = ("latency_warm", "compile_time", "graph_breaks", "recompiles")
    jobs = make_jobs([CASE], ["cpu"], metrics, TINY, seed=1)
    record = run_job(jobs[0], batch_of(jobs, preset=TINY))[0]
    assert record.status in SHOWN, record.message
    assert record.readings["graph_breaks"].samples == (0.0,)
    assert record.readings["recompiles"].samples == (0.0,)
    assert (record.readings["compile_time"].median or 0) > 0
    assert Flag.RECOMPILED not in record.readings["latency_warm"].flags
