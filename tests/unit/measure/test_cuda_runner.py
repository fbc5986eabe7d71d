"""A whole job on a CUDA device, by the stand-in: every metric, and what stands beside them."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from fakes.cuda_stand_in import DEVICE, CudaStandIn
from fakes.torch_stand_in import StandInLayer, put_in
from making_runs import batch_of
from sabench.cases.case import Case
from sabench.cases.plan import Job, make_jobs
from sabench.catalog.presets import find_preset
from sabench.errors import DeviceError
from sabench.measure import (
    building,
    calls,
    cuda_cold,
    cuda_graph,
    device_memory,
    faults,
    instruments,
    runner,
    watching,
)
from sabench.measure.metrics import cold, graph, memory
from sabench.measure.runtimes import cudagraph
from sabench.measure.subject import Subject
from sabench.records import MEASURED, SHOWN, Flag, Record, Status

SHORT = find_preset("quick").model_copy(
    update={"warmup_min_s": 0.0, "warmup_max_s": 0.2, "budget_s": 0.02, "samples_max": 20}
)
TIMED = ("latency_warm", "latency_cold", "latency_graph", "host_time", "peak_allocated")
Run = Any  # (*metrics, case, **scripted) -> Record; `ends_process` as the last one said


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs a job whose device, and whose torch, is the stand-in; NVML is missing."""

    def no_device(*_: object) -> Any:
        raise DeviceError("NVML cannot be asked")

    def make(*metrics: str, case: dict[str, object] | None = None, **scripted: Any) -> Record:
        cuda = CudaStandIn(**scripted)
        modules = (cold, cuda_cold, cuda_graph, graph, cudagraph, calls, memory)
        put_in(monkeypatch, cuda, *modules)

        def build(job: Job) -> Subject:
            return Subject(job.case, DEVICE, 1, StandInLayer(cuda), torch.ones(2, 3), 0.1)

        monkeypatch.setattr(building, "build_subject", build)
        timer = instruments.CudaTimer(cuda, DEVICE, cuda.clock_ns)
        tools = instruments.Instruments(timer, cuda.clock, lambda: None)
        monkeypatch.setattr(runner, "make_instruments", lambda *_: tools)
        fields: dict[str, Any] = {"kind": "layer", "subject": "conv", "channels": 8, "size": 7}
        jobs = make_jobs([Case(**fields | (case or {}))], [DEVICE], metrics, SHORT, seed=1)
        record, make.ends_process = runner.run_job(jobs[0], batch_of(jobs, preset=SHORT))
        return record

    for module in (watching, device_memory):
        monkeypatch.setattr(module, "find_gpu", no_device)
    monkeypatch.setattr(runner, "job_facts", lambda _: {"driver": "stand-in"})
    cold.proof_of.cache_clear()
    yield make
    cold.proof_of.cache_clear()


def test_a_job_has_every_way_of_timing_and_a_status(run: Run) -> None:
    record = run(*TIMED, call_s=1e-3, cold_s=1.5e-3, l2=4096)
    assert record.status in MEASURED, record.message
    medians = {name: record.readings[name].median for name in TIMED}
    assert medians["latency_warm"] == pytest.approx(1e-3)
    assert medians["latency_cold"] == pytest.approx(1.5e-3)
    assert medians["latency_graph"] == pytest.approx(1e-3)
    assert medians["peak_allocated"] == 350 - 100
    assert list(record.readings) == list(TIMED)


@pytest.mark.parametrize("asked", [("latency_warm",), ("latency_warm", "latency_graph")])
def test_a_host_bound_figure_has_its_graph_time_beside_it(run: Run, asked: tuple[str]) -> None:
    record = run(*asked, call_s=20e-6, enqueue_s=100e-6)
    assert Flag.HOST_BOUND in record.readings["latency_warm"].flags
    assert record.status is Status.OK_FLAGGED
    assert list(record.readings) == ["latency_warm", "latency_graph"]
    assert record.readings["latency_graph"].median == pytest.approx(20e-6)


def test_a_figure_that_is_not_host_bound_has_no_graph_beside_it(run: Run) -> None:
    assert list(run("latency_warm").readings) == ["latency_warm"]


@pytest.mark.parametrize("asked", [("latency_warm",), ("peak_allocated",)])
def test_a_record_tells_its_device_whether_anything_was_timed_or_not(
    run: Run, asked: tuple[str]
) -> None:
    details = run(*asked).details
    assert details["device"] == {"driver": "stand-in"}
    assert details["device_watch"]


def test_a_graph_comes_after_what_a_failed_capture_could_spoil(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    for module in (graph, memory):
        measure = module.measure

        def noted(*given: Any, name: str = module.__name__, measure: Any = measure) -> Any:
            order.append(name.rpartition(".")[2])
            return measure(*given)

        monkeypatch.setattr(module, "measure", noted)
    run("latency_graph", "peak_allocated", "latency_warm")
    assert order == ["memory", "graph"]


def test_a_call_that_no_graph_takes_leaves_the_status_as_it_was(run: Run) -> None:
    record = run("latency_warm", "latency_graph", uncapturable="a sync is not permitted")
    assert record.readings["latency_graph"].flags == (Flag.GRAPH_UNSUPPORTED,)
    assert record.status in SHOWN
    assert Flag.GRAPH_UNSUPPORTED not in record.flags


@pytest.mark.parametrize(("module", "name"), [(cold, "latency_cold"), (graph, "latency_graph")])
def test_memory_that_runs_out_beside_the_case_costs_that_figure_alone(
    run: Run, monkeypatch: pytest.MonkeyPatch, module: Any, name: str
) -> None:
    def hungry(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(module, "measure", hungry)
    record = run("latency_warm", name, "peak_allocated")
    assert record.status in MEASURED
    assert record.readings["latency_warm"].median == pytest.approx(1e-3)
    assert record.readings["peak_allocated"].median == 250
    assert "no memory left" in record.readings[name].reason
    assert run.ends_process
    monkeypatch.setattr(memory, "measure", hungry)
    monkeypatch.setattr(faults, "_device_memory", lambda _: faults.Memory())
    assert run("latency_warm", "peak_allocated").status is Status.OOM


@pytest.mark.parametrize("mode", ["forward", "step"])
def test_a_captured_job_is_replayed_and_measured(run: Run, mode: str) -> None:
    record = run(*TIMED, case={"runtime": "cudagraph", "mode": mode})
    assert record.readings["latency_warm"].median == pytest.approx(1e-3)
    assert "replays a graph already" in record.readings["latency_graph"].reason
    assert "a replay allocates nothing" in record.readings["peak_allocated"].reason


def test_a_job_that_cannot_be_captured_is_unsupported_in_one_line(run: Run) -> None:
    record = run("latency_warm", case={"runtime": "cudagraph"}, uncapturable="a sync\nis made")
    assert record.status is Status.UNSUPPORTED
    assert record.message == (
        "runtime=cudagraph: the call cannot be captured: a sync is made; use eager"
    )


def test_a_captured_runtime_on_the_cpu_is_unsupported_in_one_line() -> None:
    case = Case(kind="layer", subject="conv", channels=4, size=6, runtime="cudagraph")
    jobs = make_jobs([case], ["cpu"], ["latency_warm"], SHORT, seed=1)
    record = runner.run_job(jobs[0], batch_of(jobs, preset=SHORT))[0]
    assert record.status is Status.UNSUPPORTED
    assert record.message == "runtime=cudagraph needs a CUDA device, not cpu; use eager"
