"""The order of work on a CUDA device, seen by a stand-in that records it."""

from collections import deque

import pytest
from torch import Tensor

from fakes.cuda_stand_in import DEVICE, CudaStandIn
from sabench.catalog.presets import find_preset
from sabench.measure import cuda_timer
from sabench.measure.cuda_timer import CHUNK, LONGEST_LAG_S, CudaTimer, smallest_step
from sabench.measure.protocol import Protocol
from sabench.records import Flag, Status

QUEUE = 1024


def calibrated(call_s: float, enqueue_s: float = 1e-6) -> tuple[CudaTimer, CudaStandIn]:
    cuda = CudaStandIn(call_s, enqueue_s)
    timer = CudaTimer(cuda, DEVICE, cuda.clock_ns)
    timer.calibrate(cuda.call, call_s)
    cuda.log.clear()
    return timer, cuda


def test_long_calls_have_an_event_pair_each_and_one_synchronisation() -> None:
    timer, cuda = calibrated(2e-3)
    blocks = timer.chunk(cuda.call, 3)
    assert cuda.log == ["sleep", *["record", "call", "record"] * 3, "synchronize"]
    assert [block.seconds for block in blocks] == pytest.approx([2e-3] * 3)
    assert timer.details["timing"] == "events"


def test_calls_under_fifty_microseconds_share_a_pair_of_two_hundred() -> None:
    timer, cuda = calibrated(30e-6)
    blocks = timer.chunk(cuda.call, 1)
    assert timer.calls == 7  # 200 / 30, rounded up
    assert cuda.log == ["sleep", "record", *["call"] * 7, "record", "synchronize"]
    assert blocks[0].seconds == pytest.approx(30e-6)
    assert timer.details["timing"] == "blocked events"


def test_there_is_one_synchronisation_for_64_samples() -> None:
    timer, cuda = calibrated(1e-3)
    assert len(timer.chunk(cuda.call, 2 * CHUNK + 1)) == 129
    assert cuda.log.count("synchronize") == cuda.log.count("sleep") == 3


@pytest.mark.parametrize("count", [1, 10, 2 * CHUNK + 1])
@pytest.mark.parametrize(
    ("call_s", "enqueue_s"), [(30e-6, 100e-6), (60e-6, 900e-6), (1e-3, 20e-3), (1e-3, 80e-3)]
)
def test_a_slow_host_adds_nothing_to_the_devices_time(
    call_s: float, enqueue_s: float, count: int
) -> None:
    timer, cuda = calibrated(call_s, enqueue_s)
    assert timer.enqueue_s == pytest.approx(enqueue_s)
    assert timer.device_s == pytest.approx(call_s)
    seconds = [block.seconds for block in timer.chunk(cuda.call, count)]
    assert seconds == pytest.approx([call_s] * count)


def test_the_host_is_never_more_than_four_milliseconds_behind() -> None:
    timer, cuda = calibrated(0.2e-3, 1.2e-3)
    timer.chunk(cuda.call, 8)  # 1.2 * (1.2 - 0.2) ms of lag a sample: three fit into 4 ms
    assert LONGEST_LAG_S == 4e-3
    assert cuda.log.count("synchronize") == 3


class ShortQueue(CudaStandIn):
    """A call is many launches, and a launch waits while a thousand others are queued."""

    launches = 300

    def call(self, seconds: float | None = None) -> Tensor:
        for _ in range(self.launches):
            self.host_s += self.enqueue_s / self.launches
            while self.pending and self.pending[0] <= self.host_s:
                self.pending.popleft()
            if len(self.pending) == QUEUE:
                self.host_s = self.pending.popleft()
            self.queue("call", self.call_s / self.launches)
            self.pending.append(self.device_s)
        return self.out

    @property
    def pending(self) -> deque[float]:
        return self.__dict__.setdefault("_pending", deque())


@pytest.mark.parametrize(("lag_s", "is_true"), [(LONGEST_LAG_S, True), (0.05, False)])
def test_a_head_start_is_no_longer_than_what_a_streams_queue_holds(
    monkeypatch: pytest.MonkeyPatch, lag_s: float, is_true: bool
) -> None:
    """300 launches of 4 us that run for 2 us each; a longer lag lets the device wait inside."""
    monkeypatch.setattr(cuda_timer, "LONGEST_LAG_S", lag_s)
    cuda = ShortQueue(0.6e-3, 1.2e-3)
    timer = CudaTimer(cuda, DEVICE, cuda.clock_ns)
    timer.calibrate(cuda.call, 1e-3)
    seconds = [block.seconds for block in timer.chunk(cuda.call, 64)]
    assert (max(seconds) < 1.01 * 0.6e-3) == is_true


def test_a_host_slower_than_the_device_is_flagged() -> None:
    assert calibrated(1e-3, 0.79e-3)[0].flags == ()
    assert calibrated(1e-3, 0.81e-3)[0].flags == (Flag.HOST_BOUND,)


def test_one_call_is_timed_between_two_synchronisations() -> None:
    cuda = CudaStandIn(1e-3)
    CudaTimer(cuda, DEVICE, cuda.clock_ns).once(cuda.call)
    assert cuda.log == ["synchronize", "call", "synchronize"]


def test_what_an_event_pair_costs_is_read_from_a_hundred_empty_ones() -> None:
    cuda = CudaStandIn(1e-3, event_s=1.5e-6, record_s=8e-6)  # a host slower than the device
    timer = CudaTimer(cuda, DEVICE, cuda.clock_ns)
    timer.calibrate(cuda.call, 1e-3)
    assert cuda.log[:201] == ["sleep", *["record", "record"] * 100]
    assert timer.details["empty_pair_s"] == pytest.approx(1.5e-6)


def test_empty_pairs_are_timed_once() -> None:
    timer, cuda = calibrated(1e-3)
    timer.calibrate(cuda.call, 1e-3)
    assert cuda.log.count("record") == 2  # those around the estimate of a call's time


def test_a_timer_that_was_not_calibrated_tells_no_overhead() -> None:
    cuda = CudaStandIn()
    assert CudaTimer(cuda, DEVICE, cuda.clock_ns).details["empty_pair_s"] is None


def test_the_resolution_is_the_least_step_between_unequal_times() -> None:
    assert smallest_step([3e-6, 1e-6, 1e-6, 1.5e-6]) == pytest.approx(0.5e-6)
    assert smallest_step([1e-6, 1e-6]) is None


def test_the_protocol_drives_the_device_as_it_does_the_host() -> None:
    cuda = CudaStandIn(2e-3)
    preset = find_preset("quick").model_copy(update={"warmup_min_s": 0.0, "budget_s": 0.01})
    timer = CudaTimer(cuda, DEVICE, cuda.clock_ns)
    timing = Protocol(preset, timer, started_s=0.0, clock=cuda.clock).measure(cuda.call)
    assert timing.status is Status.OK
    assert timing.flags == ()
    assert timing.samples == pytest.approx([2e-3] * len(timing.samples))
    assert timing.details["cache"] == "warm"


def test_nobody_beside_the_device_is_looked_for_by_its_timer() -> None:
    assert calibrated(1e-3)[0].foreign_work() == ""
