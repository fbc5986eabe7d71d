"""Capturing and replaying, in order, by the stand-in."""

import pytest
import torch

from fakes.cuda_stand_in import DEVICE, CudaStandIn
from sabench.errors import MeasurementError
from sabench.measure.cuda_graph import MOST_CALLS, WARM_UPS, GraphTimer, capture, warm_up


def calibrated(call_s: float, enqueue_s: float = 1e-6) -> tuple[GraphTimer, CudaStandIn]:
    cuda = CudaStandIn(call_s, enqueue_s)
    timer = GraphTimer(cuda, DEVICE, cuda.clock_ns)
    timer.calibrate(cuda.call, call_s)
    return timer, cuda


def test_a_warm_up_runs_on_a_side_stream_that_waits_and_is_waited_for() -> None:
    cuda = CudaStandIn()
    warm_up(cuda, DEVICE, cuda.call)
    assert cuda.log == [
        "side waits for current",
        "side stream",
        *["call"] * WARM_UPS,
        "current waits for side",
        "synchronize",
    ]


def test_a_sample_is_one_replay_over_the_calls_it_holds() -> None:
    timer, cuda = calibrated(30e-6)
    cuda.log.clear()
    blocks = timer.chunk(cuda.call, 2)
    assert timer.calls == 34  # a millisecond over 30 us, rounded up
    assert cuda.log == ["sleep", *["record", "replay", "record"] * 2, "synchronize"]
    assert [block.seconds for block in blocks] == pytest.approx([30e-6] * 2)
    assert blocks[0].calls == 34


def test_a_graph_is_captured_once_behind_its_warm_up() -> None:
    timer, cuda = calibrated(1.6e-4)
    timer.calibrate(cuda.call, 1.6e-4)
    assert len(cuda.graphs) == cuda.log.count("capture begins") == 1
    assert cuda.log.count("captured call") == timer.calls == 7


@pytest.mark.parametrize(("call_s", "calls"), [(1e-7, MOST_CALLS), (0.5, 1), (2e-3, 1)])
def test_a_graph_holds_a_millisecond_of_calls_up_to_a_thousand(call_s: float, calls: int) -> None:
    timer, _ = calibrated(call_s)
    assert timer.calls == calls
    assert timer.calls * call_s <= 0.02 or timer.calls == 1


def test_a_host_bound_call_is_not_host_bound_in_a_graph() -> None:
    timer, cuda = calibrated(20e-6, enqueue_s=100e-6)
    assert timer.flags == ()
    assert timer.enqueue_s == pytest.approx(100e-6 / timer.calls)
    assert timer.chunk(cuda.call, 1)[0].seconds == pytest.approx(20e-6)
    assert timer.details["timing"] == "graph"


def test_what_cannot_be_captured_says_what_went_wrong_first() -> None:
    cuda = CudaStandIn(uncapturable="operation not permitted\nwhen stream is capturing")
    timer = GraphTimer(cuda, DEVICE, cuda.clock_ns)
    with pytest.raises(MeasurementError, match="captured: operation not permitted when stream"):
        timer.calibrate(cuda.call, 1e-3)


def test_a_broken_capture_leaves_no_other_stream_behind() -> None:
    cuda = CudaStandIn(uncapturable="operation not permitted")
    warm_up(cuda, DEVICE, cuda.call)
    with pytest.raises(MeasurementError):
        capture(cuda, cuda.call)
    assert cuda.stream_now == "current"


@pytest.mark.parametrize("uncapturable", ["", "ending a broken capture raises too"])
def test_a_capture_that_runs_out_of_memory_is_no_unsupported_call(uncapturable: str) -> None:
    cuda = CudaStandIn()
    warm_up(cuda, DEVICE, cuda.call)
    cuda.uncapturable = uncapturable

    def hungry() -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(torch.OutOfMemoryError):
        capture(cuda, hungry)
