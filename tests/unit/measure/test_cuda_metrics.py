"""Latency on a CUDA device as metrics: cold, in a graph, beside the host; by the stand-in."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch

from fakes.cuda_stand_in import DEVICE, CudaStandIn
from fakes.torch_stand_in import StandInLayer, put_in
from sabench.cases.case import Case
from sabench.catalog.presets import find_preset
from sabench.errors import ConfigError
from sabench.measure import calls, cuda_cold, cuda_graph, instruments
from sabench.measure.calls import execution_of
from sabench.measure.cuda_timer import CudaTimer
from sabench.measure.execution import Execution
from sabench.measure.fake_bench import FakeWatch
from sabench.measure.fake_script import ScriptedSpan
from sabench.measure.metrics import cold, graph, latency
from sabench.measure.protocol import Protocol
from sabench.measure.runtimes import cudagraph
from sabench.measure.subject import Subject
from sabench.records import Flag, Reading, Status

MIB = 2**20
SHORT = find_preset("quick").model_copy(
    update={"warmup_min_s": 0.0, "warmup_max_s": 0.2, "budget_s": 0.02, "samples_max": 20}
)
LAYER = Case(kind="layer", subject="conv", channels=64, size=56)
NETWORK = Case(kind="network", subject="resnet50", resolution=64)

Measure = Callable[..., dict[str, Reading]]


class Bench:
    """A subject on the stand-in's device, and what measures it."""

    def __init__(self, cuda: CudaStandIn, case: Case = LAYER) -> None:
        self.cuda = cuda
        self.subject = Subject(case, DEVICE, 1, StandInLayer(cuda), torch.ones(2, 3), 0.1)
        self.execution = execution_of(self.subject, self.subject.module)
        timer = CudaTimer(cuda, DEVICE, cuda.clock_ns)
        self.protocol = Protocol(SHORT, timer, started_s=0.0, clock=cuda.clock)

    def measure(self, measure: Measure) -> dict[str, Reading]:
        return measure(self.subject, self.execution, self.protocol)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Bench]]:
    """Benches whose torch is the stand-in."""

    def make(case: Case = LAYER, **scripted: Any) -> Bench:
        cuda = CudaStandIn(**scripted)
        modules = (cold, cuda_cold, cuda_graph, graph, cudagraph, calls)
        put_in(monkeypatch, cuda, *modules)
        return Bench(cuda, case)

    cold.proof_of.cache_clear()
    yield make
    cold.proof_of.cache_clear()


def test_a_layer_is_timed_cold_behind_a_proved_flush(bench: Callable[..., Bench]) -> None:
    made = bench(call_s=1e-3, cold_s=1.6e-3)
    reading = made.measure(cold.measure)["latency_cold"]
    assert reading.median == pytest.approx(1.6e-3)
    assert Flag.COLD_UNPROVED not in reading.flags
    told = reading.details
    assert (told["cache"], told["cold_by"]) == ("cold", "flush")
    assert (told["l2_bytes"], told["flush_bytes"]) == (50 * MIB, 100 * MIB)
    assert told["touched_bytes"] == 4 * (2 * 64 * 56 * 56 + 64 * 64 * 9)
    assert told["persisting_l2"].startswith(("reset", "not reset"))


def test_cold_is_proved_once_in_a_process(bench: Callable[..., Bench]) -> None:
    made = bench(call_s=1e-3, cold_s=1.6e-3)
    made.measure(cold.measure)
    flushes = made.cuda.log.count("flush")
    made.measure(cold.measure)
    again = made.cuda.log.count("flush") - flushes
    assert flushes - again > 32  # the proof's samples


def test_a_flush_that_was_not_proved_gives_way_to_a_rotation(bench: Callable[..., Bench]) -> None:
    made = bench(call_s=1e-3, l2=64)  # the copy runs no slower behind a flush
    made.subject = replace(made.subject, x=torch.ones(8))
    reading = made.measure(cold.measure)["latency_cold"]
    assert reading.details["cold_by"] == "rotation"
    assert reading.details["copies"] == 5  # of 36 bytes: four fill twice the L2, and one more
    assert Flag.COLD_UNPROVED not in reading.flags


@pytest.mark.parametrize(("elements", "is_flushed"), [(63, True), (64, False)])
def test_a_call_is_not_flushed_where_its_own_tensors_are_eight_caches(
    bench: Callable[..., Bench], elements: int, is_flushed: bool
) -> None:
    """4 bytes of weight, input and output of 4 bytes an element, 8 x L2 of 512 bytes."""
    made = bench(call_s=1e-3, cold_s=1.6e-3, l2=64)
    made.subject = replace(made.subject, x=torch.ones(elements))
    made.execution = execution_of(made.subject, made.subject.module)
    reading = made.measure(cold.measure)["latency_cold"]
    told = "flush" if is_flushed else "no flush: weights, input and output are more than 8 x L2"
    assert reading.details["cold_by"] == told


@pytest.mark.parametrize(
    ("runtime", "reason"),
    [("compiled", "runtime compiled cannot rotate"), ("eager", "cold_not_achieved: 256 copies")],
)
def test_cold_that_cannot_be_shown_says_so_with_both_numbers(
    bench: Callable[..., Bench], runtime: str, reason: str
) -> None:
    made = bench(LAYER.model_copy(update={"runtime": runtime}), call_s=1e-3, cold_s=1.2e-3)
    reading = made.measure(cold.measure)["latency_cold"]
    assert reading.median == pytest.approx(1.2e-3)
    assert Flag.COLD_UNPROVED in reading.flags
    assert str(reading.details["rotation"]).startswith(reason)
    assert reading.details["cold_proof"] == {
        "cold_s": pytest.approx(1.2e-3),
        "warm_s": pytest.approx(1e-3),
        "needs_ratio": 1.3,
    }


def test_a_cache_of_unknown_size_is_shown_cold_by_nothing(bench: Callable[..., Bench]) -> None:
    reading = bench(call_s=1e-3, l2=0).measure(cold.measure)["latency_cold"]
    assert reading.details["cold_by"] == "flush"
    assert reading.details["rotation"] == "cold_not_achieved: the size of the L2 is not told"
    assert Flag.COLD_UNPROVED in reading.flags


def test_a_network_that_evicts_itself_has_no_cold_time(bench: Callable[..., Bench]) -> None:
    made = bench(NETWORK, l2=1 * MIB)
    reading = made.measure(cold.measure)["latency_cold"]
    assert not reading.samples
    assert reading.reason.startswith("a network evicts itself: ")
    assert reading.reason.endswith("bytes touched, L2 1048576")


def test_a_network_that_fits_into_the_l2_has_one(bench: Callable[..., Bench]) -> None:
    made = bench(NETWORK, l2=4096 * MIB, cold_s=2e-3)
    assert made.measure(cold.measure)["latency_cold"].median == pytest.approx(2e-3)


def test_a_call_in_a_graph_costs_no_launch(bench: Callable[..., Bench]) -> None:
    made = bench(call_s=20e-6, enqueue_s=100e-6)
    reading = made.measure(graph.measure)["latency_graph"]
    assert reading.median == pytest.approx(20e-6)
    assert reading.details["timing"] == "graph"
    assert Flag.HOST_BOUND not in reading.flags


def test_a_call_that_cannot_be_captured_has_a_reason(bench: Callable[..., Bench]) -> None:
    made = bench(uncapturable="a sync is not permitted")
    reading = made.measure(graph.measure)["latency_graph"]
    assert reading.reason == "the call cannot be captured: a sync is not permitted"
    assert reading.flags == (Flag.GRAPH_UNSUPPORTED,)
    assert reading.details == {"graph": "unsupported", "message": reading.reason}


def test_a_replay_is_not_captured_again(bench: Callable[..., Bench]) -> None:
    made = bench(LAYER.model_copy(update={"runtime": "cudagraph"}))
    reading = made.measure(graph.measure)["latency_graph"]
    assert "latency_warm is its time" in reading.reason


@pytest.mark.parametrize(("measured", "name"), [(cold, "latency_cold"), (graph, "latency_graph")])
def test_behind_the_deadline_nothing_more_is_timed(
    bench: Callable[..., Bench], measured: Any, name: str
) -> None:
    made = bench()
    made.cuda.host_s = SHORT.deadline_s
    made.cuda.log.clear()
    assert "deadline" in made.measure(measured.measure)[name].reason
    assert made.cuda.log == []


@pytest.mark.parametrize(("call_s", "clock_mhz"), [(1e-3, 1500.0), (2e-3, 750.0)])
def test_cycles_are_the_same_at_half_the_clock(
    bench: Callable[..., Bench], call_s: float, clock_mhz: float
) -> None:
    made = bench(call_s=call_s)
    always = ScriptedSpan(start_s=0.0, end_s=1e9, sm_clock_mhz=clock_mhz)
    made.protocol.watch = FakeWatch((always,))
    found = made.measure(latency.measure)
    assert found["latency_warm"].median == pytest.approx(call_s)
    assert found["latency_cycles"].median == pytest.approx(1.5e6)
    assert len(found["latency_cycles"].samples) == len(found["latency_warm"].samples)


def test_without_a_clock_told_there_are_no_cycles(bench: Callable[..., Bench]) -> None:
    found = bench(call_s=1e-3).measure(latency.measure)
    assert found["latency_cycles"].reason == "the device did not tell its clock while it was timed"


def test_the_hosts_time_holds_call_and_wait(bench: Callable[..., Bench]) -> None:
    found = bench(call_s=1e-3, enqueue_s=50e-6).measure(latency.measure)
    assert found["latency_warm"].median == pytest.approx(1e-3)
    assert found["host_time"].median == pytest.approx(1.05e-3)
    assert len(found["host_time"].samples) <= SHORT.samples_min
    assert found["host_time"].flags == ()


def test_a_call_that_takes_no_time_has_no_throughput(bench: Callable[..., Bench]) -> None:
    found = bench(call_s=0.0).measure(latency.measure)
    assert found["latency_warm"].median == 0.0
    assert found["throughput"].reason == "a call took no time that the timer resolves"


def test_a_host_bound_call_says_so_beside_the_hosts_time(bench: Callable[..., Bench]) -> None:
    found = bench(call_s=20e-6, enqueue_s=100e-6).measure(latency.measure)
    assert Flag.HOST_BOUND in found["latency_warm"].flags
    assert found["host_time"].flags == (Flag.HOST_BOUND,)
    assert found["host_time"].median == pytest.approx(120e-6)


@pytest.mark.parametrize("mode", ["forward", "forward_backward", "step"])
def test_a_graph_runtime_captures_one_call_and_replays_it(
    bench: Callable[..., Bench], mode: str
) -> None:
    made = bench(LAYER.model_copy(update={"mode": mode, "runtime": "cudagraph"}))
    ready: Execution = cudagraph.prepare(made.subject)
    assert made.cuda.log.count("captured call") == 1
    made.cuda.log.clear()
    out = ready.call()
    assert made.cuda.log == ["replay"]
    assert out.shape == made.subject.x.shape
    assert not out.requires_grad or mode == "forward"
    timing = made.protocol.measure(ready.call)
    assert timing.status is Status.OK
    assert timing.samples[0] == pytest.approx(1e-3)


def test_a_graph_runtime_needs_cuda() -> None:
    subject = Subject(LAYER, "cpu", 1, torch.nn.ReLU(), torch.ones(1), 0.0)
    with pytest.raises(ConfigError, match="runtime=cudagraph needs a CUDA device, not cpu"):
        cudagraph.prepare(subject)


def test_a_graph_runtime_that_cannot_capture_is_unsupported(bench: Callable[..., Bench]) -> None:
    made = bench(uncapturable="a sync is not permitted")
    with pytest.raises(ConfigError, match="cannot be captured: a sync is not permitted; use eager"):
        cudagraph.prepare(made.subject)


def test_autocast_is_asked_of_the_devices_kind(bench: Callable[..., Bench]) -> None:
    made = bench(LAYER.model_copy(update={"autocast": "bf16"}))
    made.execution.call()
    assert made.cuda.log == ["autocast cuda torch.bfloat16", "call"]


def test_a_jobs_timer_stands_on_its_device(
    bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = bench()
    monkeypatch.setattr(torch, "cuda", made.cuda)
    job: Any = type("Job", (), {"device": DEVICE, "case": LAYER})()
    timer = instruments.make_timer(job.device, job.case.threads)
    assert isinstance(timer, CudaTimer)
    assert made.cuda.log == [f"set_device {DEVICE}"]
