"""The stand-in's assertions fire: each rule is broken once, on purpose."""

from collections.abc import Callable

import pytest

from fakes.cuda_stand_in import DEVICE, CudaStandIn
from sabench.measure.cuda_cold import ColdTimer
from sabench.measure.cuda_graph import GraphTimer, capture, warm_up
from sabench.measure.cuda_timer import CudaTimer
from sabench.measure.timer import Block, Call


class FlushInside(ColdTimer):
    """A flush between the two events."""

    def _before(self) -> None:
        self._flush()

    def _turn(self, call: Call) -> None:
        self._flush()
        call()


class NeverFlushes(ColdTimer):
    """Cold by its name alone."""

    def _before(self) -> None:
        pass


class WaitsForEach(CudaTimer):
    """A synchronisation between two samples of a chunk."""

    def _synchronised(self, call: Call, count: int) -> list[Block]:
        self._sleep(1e-3)
        pairs = [(self._event(), self._event()) for _ in range(count)]
        for start, end in pairs:
            start.record()
            call()
            end.record()
            self._cuda.synchronize(self._device)
        return [Block(start.elapsed_time(end), 1) for start, end in pairs]


class WaitsInside(CudaTimer):
    """A synchronisation between the two events."""

    def _turn(self, call: Call) -> None:
        call()
        self._cuda.synchronize(self._device)


class NeverWaits(CudaTimer):
    """Reads events that may not have happened."""

    def _synchronised(self, call: Call, count: int) -> list[Block]:
        self._sleep(1e-3)
        start, end = self._event(), self._event()
        start.record()
        call()
        end.record()
        return [Block(start.elapsed_time(end), 1)]


class NoHeadStart(CudaTimer):
    """The device idles while the host queues."""

    def _sleep(self, seconds: float) -> None:
        pass


class LongChunks(CudaTimer):
    """As many samples as are asked for, without a wait."""

    def chunk(self, call: Call, count: int) -> list[Block]:
        return self._synchronised(call, count)


@pytest.mark.parametrize(
    ("timer", "complaint"),
    [
        (FlushInside, "a flush stands inside the event pair"),
        (NeverFlushes, "a cold sample without a flush"),
    ],
)
def test_a_flush_in_the_wrong_place_is_seen(timer: type[ColdTimer], complaint: str) -> None:
    cuda = CudaStandIn()
    wrong = timer(cuda, DEVICE, cuda.flush, cuda.clock_ns)
    wrong.calibrate(cuda.call, 1e-3)
    cuda.cold = True
    with pytest.raises(AssertionError, match=complaint):
        wrong.chunk(cuda.call, 2)


@pytest.mark.parametrize(
    ("timer", "complaint"),
    [
        (WaitsForEach, "without a head start since the last wait"),
        (WaitsInside, "waited for inside an event pair"),
        (NeverWaits, "read before the device was waited for"),
        (NoHeadStart, "without a head start"),
        (LongChunks, "more than 64 samples"),
    ],
)
def test_a_wait_in_the_wrong_place_is_seen(timer: type[CudaTimer], complaint: str) -> None:
    cuda = CudaStandIn()
    with pytest.raises(AssertionError, match=complaint):
        timer(cuda, DEVICE, cuda.clock_ns).chunk(cuda.call, 66)


def test_the_right_order_breaks_no_rule() -> None:
    cuda = CudaStandIn(30e-6, cold_s=80e-6)
    timers = (
        CudaTimer(cuda, DEVICE, cuda.clock_ns),
        ColdTimer(cuda, DEVICE, cuda.flush, cuda.clock_ns),
        GraphTimer(cuda, DEVICE, cuda.clock_ns),
    )
    for timer in timers:
        timer.calibrate(cuda.call, 1e-3)
        assert len(timer.chunk(cuda.call, 66)) == 66


def _capture_cold(cuda: CudaStandIn) -> None:
    capture(cuda, cuda.call)


def _warm_up_on_the_current_stream(cuda: CudaStandIn) -> None:
    cuda.call()
    capture(cuda, cuda.call)


def _warm_up_nobody_waits_for(cuda: CudaStandIn) -> None:
    side = cuda.Stream(DEVICE)
    side.wait_stream(cuda.current_stream(DEVICE))
    with cuda.stream(side):
        cuda.call()
    capture(cuda, cuda.call)


def _side_stream_that_waits_for_nothing(cuda: CudaStandIn) -> None:
    with cuda.stream(cuda.Stream(DEVICE)):
        cuda.call()


def _capture_of(cuda: CudaStandIn, inside: Callable[[], object]) -> None:
    warm_up(cuda, DEVICE, cuda.call)
    capture(cuda, inside)


def _two_captures(cuda: CudaStandIn) -> None:
    _capture_of(cuda, lambda: capture(cuda, cuda.call))


def _replay_of_nothing(cuda: CudaStandIn) -> None:
    cuda.CUDAGraph().replay()


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (_capture_cold, "without a warm-up on a side stream"),
        (_warm_up_on_the_current_stream, "without a warm-up on a side stream"),
        (_warm_up_nobody_waits_for, "a warm-up that nobody waited for"),
        (_side_stream_that_waits_for_nothing, "a side stream that waits for nothing"),
        (lambda cuda: _capture_of(cuda, cuda.allocate), "memory is allocated while"),
        (lambda cuda: _capture_of(cuda, cuda.flush), "a flush buffer is written while"),
        (lambda cuda: _capture_of(cuda, lambda: cuda.synchronize(DEVICE)), "is waited for while"),
        (
            lambda cuda: _capture_of(cuda, cuda.Event(enable_timing=True).record),
            "an event is recorded while",
        ),
        (_two_captures, "a capture inside a capture"),
        (_replay_of_nothing, "an empty graph is replayed"),
    ],
)
def test_a_capture_in_the_wrong_order_is_seen(
    wrong: Callable[[CudaStandIn], None], complaint: str
) -> None:
    with pytest.raises(AssertionError, match=complaint):
        wrong(CudaStandIn())
