"""The order of work on a CUDA device, seen by a stand-in that records it."""

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from sabench.catalog.presets import find_preset
from sabench.measure.cuda_timer import CHUNK, CYCLES_PER_S, LONGEST_LAG_S, CudaTimer
from sabench.measure.metrics import memory
from sabench.measure.protocol import Protocol
from sabench.records import Flag, Status


class Recorder:
    """torch.cuda as the timer uses it: a host and a device, each with a clock of its own.

    Queueing a call takes the host `enqueue_s`; the device begins it when it is queued and all
    before it is done, and takes `call_s`.
    """

    def __init__(self, call_s: float, enqueue_s: float = 1e-6) -> None:
        self.log: list[str] = []
        self.call_s, self.enqueue_s = call_s, enqueue_s
        self.leaves: list[Tensor] = []
        self.host_s = self.device_s = 0.0  # the device's: when all that is queued is done

    def clock_ns(self) -> int:
        return round(1e9 * self.host_s)

    def run(self, seconds: float) -> None:
        self.device_s = max(self.device_s, self.host_s) + seconds

    def Event(self, *, enable_timing: bool) -> "RecordedEvent":  # noqa: N802 - torch's name
        assert enable_timing
        return RecordedEvent(self)

    def _sleep(self, cycles: int) -> None:
        assert cycles > 0
        self.run(cycles / CYCLES_PER_S)
        self.log.append("sleep")

    def empty_cache(self) -> None:
        self.log.append("empty_cache")

    def reset_peak_memory_stats(self, device: str) -> None:
        self.log.append("reset_peak")

    def memory_allocated(self, device: str) -> int:
        return 100 + sum(one.grad is not None for one in self.leaves) * 40

    def max_memory_allocated(self, device: str) -> int:
        assert self.log[-1] == "synchronize"
        return 350

    def max_memory_reserved(self, device: str) -> int:
        return 512

    def synchronize(self, device: str) -> None:
        assert device == "cuda:1"
        self.host_s = max(self.host_s, self.device_s)
        self.log.append("synchronize")

    def call(self) -> None:
        self.log.append("call")
        self.host_s += self.enqueue_s
        self.run(self.call_s)


class RecordedEvent:
    """Keeps the device's clock when it is recorded; may be read after a synchronisation only."""

    def __init__(self, cuda: Recorder) -> None:
        self.cuda, self.at_s, self.position = cuda, -1.0, -1

    def record(self) -> None:
        self.cuda.run(0.0)
        self.at_s, self.position = self.cuda.device_s, len(self.cuda.log)
        self.cuda.log.append("record")

    def elapsed_time(self, end: "RecordedEvent") -> float:
        assert "synchronize" in self.cuda.log[end.position :]
        return 1e3 * (end.at_s - self.at_s)


def calibrated(call_s: float, enqueue_s: float = 1e-6) -> tuple[CudaTimer, Recorder]:
    cuda = Recorder(call_s, enqueue_s)
    timer = CudaTimer(cuda, "cuda:1", cuda.clock_ns)
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


def test_the_host_is_never_more_than_fifty_milliseconds_behind() -> None:
    timer, cuda = calibrated(1e-3, 11e-3)
    timer.chunk(cuda.call, 8)  # 1.2 * (11 - 1) ms of lag a sample: four fit into 50 ms
    assert LONGEST_LAG_S == 0.05
    assert cuda.log.count("synchronize") == 2


def test_a_host_slower_than_the_device_is_flagged() -> None:
    assert calibrated(1e-3, 0.79e-3)[0].flags == ()
    assert calibrated(1e-3, 0.81e-3)[0].flags == (Flag.HOST_BOUND,)


def test_one_call_is_timed_between_two_synchronisations() -> None:
    cuda = Recorder(1e-3)
    CudaTimer(cuda, "cuda:1", cuda.clock_ns).once(cuda.call)
    assert cuda.log == ["synchronize", "call", "synchronize"]


def test_the_protocol_drives_the_device_as_it_does_the_host() -> None:
    cuda = Recorder(2e-3)
    preset = find_preset("quick").model_copy(update={"warmup_min_s": 0.0, "budget_s": 0.01})
    timing = Protocol(preset, CudaTimer(cuda, "cuda:1", cuda.clock_ns)).measure(cuda.call)
    assert timing.status is Status.OK
    assert timing.flags == ()
    assert timing.samples == pytest.approx([2e-3] * len(timing.samples))
    assert timing.details["cache"] == "warm"


def test_the_peak_is_read_after_the_work_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = Recorder(1e-3)
    monkeypatch.setattr(memory, "torch", SimpleNamespace(cuda=cuda))
    monkeypatch.setattr(memory, "process_memory", lambda name: "not told")
    module, x = nn.Linear(2, 2), torch.ones(1, 2, requires_grad=True)
    module(x).sum().backward()  # the call before left its gradients
    cuda.leaves = [x, *module.parameters()]
    subject = SimpleNamespace(device="cuda:1", module=module, x=x)
    execution = SimpleNamespace(call=cuda.call)
    found = memory.measure(subject, execution, None)  # type: ignore[arg-type]
    steps = ["synchronize", "empty_cache", "reset_peak", "call", "call", "synchronize"]
    assert cuda.log == steps
    assert found["peak_allocated"].median == 350 - 100
    assert found["peak_reserved"].median == 512
    assert found["process_memory"].reason == "not told"
