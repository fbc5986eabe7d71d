"""Cold timing: the flush outside the pair, the proof, and inputs in rotation."""

from types import SimpleNamespace

import pytest

from fakes.cuda_stand_in import DEVICE, CudaStandIn
from fakes.torch_stand_in import put_in
from sabench.errors import MeasurementError
from sabench.measure import cuda_cold
from sabench.measure.cuda_cold import (
    ColdProof,
    ColdTimer,
    Rotation,
    copies_needed,
    flush_bytes,
    l2_bytes,
    make_flush,
    prove_cold,
    reset_persisting,
)

MIB = 2**20


def calibrated(**times: float) -> tuple[ColdTimer, CudaStandIn]:
    cuda = CudaStandIn(**times)
    timer = ColdTimer(cuda, DEVICE, cuda.flush, cuda.clock_ns)
    timer.calibrate(cuda.call, 1e-3)
    cuda.log.clear()
    cuda.cold = True
    return timer, cuda


def test_every_sample_is_flushed_outside_its_event_pair() -> None:
    timer, cuda = calibrated(call_s=1e-3, cold_s=1.5e-3)
    blocks = timer.chunk(cuda.call, 3)
    assert cuda.log == ["sleep", *["flush", "record", "call", "record"] * 3, "synchronize"]
    assert [block.seconds for block in blocks] == pytest.approx([1.5e-3] * 3)
    assert timer.details["cache"] == "cold"


def test_a_short_call_is_not_shared_with_others_when_cold() -> None:
    timer, cuda = calibrated(call_s=5e-6, cold_s=9e-6)
    assert timer.calls == 1
    assert timer.chunk(cuda.call, 2)[1].seconds == pytest.approx(9e-6)


@pytest.mark.parametrize("enqueue_s", [5e-6, 100e-6, 2e-3])
def test_the_host_stays_ahead_though_it_queues_a_flush_too(enqueue_s: float) -> None:
    timer, cuda = calibrated(call_s=20e-6, cold_s=20e-6, enqueue_s=enqueue_s)
    seconds = [block.seconds for block in timer.chunk(cuda.call, 64)]
    assert seconds == pytest.approx([20e-6] * 64)


def test_a_flush_writes_twice_the_l2_and_at_least_32_mib(monkeypatch: pytest.MonkeyPatch) -> None:
    assert flush_bytes(50 * MIB) == 100 * MIB
    assert flush_bytes(4 * MIB) == flush_bytes(0) == 32 * MIB
    cuda = CudaStandIn(l2=50 * MIB)
    put_in(monkeypatch, cuda, cuda_cold)
    make_flush(DEVICE, l2_bytes(cuda, DEVICE))()
    assert cuda.log == ["flush"]
    with pytest.raises(AssertionError, match="that L2 survives"):
        make_flush(DEVICE, 40 * MIB)()


def test_an_l2_that_is_not_told_has_no_size() -> None:
    cuda = SimpleNamespace(get_device_properties=lambda device: SimpleNamespace())
    assert l2_bytes(cuda, DEVICE) == 0


@pytest.mark.parametrize(("cold_s", "holds"), [(13.1e-6, True), (12.9e-6, False), (10e-6, False)])
def test_cold_is_proved_by_a_copy_that_runs_a_third_slower(
    monkeypatch: pytest.MonkeyPatch, cold_s: float, holds: bool
) -> None:
    cuda = CudaStandIn(10e-6, cold_s=cold_s)
    put_in(monkeypatch, cuda, cuda_cold)
    proof = prove_cold(cuda, DEVICE, cuda.flush, cuda.l2, cuda.clock_ns)
    assert proof.ratio == pytest.approx(cold_s / 10e-6)
    assert proof.holds is holds
    assert proof.told() == {
        "cold_s": pytest.approx(cold_s),
        "warm_s": pytest.approx(10e-6),
        "needs_ratio": 1.3,
    }


def test_a_copy_that_takes_no_time_proves_nothing_finite() -> None:
    assert ColdProof(1e-6, 0.0).ratio == float("inf")


def test_persisting_lines_are_given_back_where_the_runtime_can() -> None:
    def load(code: int) -> object:
        return lambda name: SimpleNamespace(cudaCtxResetPersistingL2Cache=lambda: code)

    def missing(name: str) -> object:
        raise OSError(f"{name}: cannot open shared object file")

    assert reset_persisting(load(0)) == "reset"  # type: ignore[arg-type]
    assert reset_persisting(load(801)) == "not reset: CUDA error 801"  # type: ignore[arg-type]
    assert "cannot open shared object" in reset_persisting(missing)
    assert reset_persisting(lambda name: SimpleNamespace()).startswith("not reset: ")


@pytest.mark.parametrize(
    ("l2", "touched", "copies"),
    [(50, 10, 11), (50, 30, 5), (50, 100, 2), (50, 1000, 2), (0, 10, 2), (50, 0, 101)],
)
def test_the_copies_in_rotation_are_twice_the_l2_and_one_more(
    l2: int, touched: int, copies: int
) -> None:
    assert copies_needed(l2, touched) == copies


def test_a_rotation_takes_each_copy_in_turn() -> None:
    seen: list[int] = []
    calls = [lambda n=n: seen.append(n) for n in range(3)]
    rotation = Rotation(calls, touched=70, l2=100)
    for _ in range(5):
        rotation()
    assert seen == [0, 1, 2, 0, 1]
    assert rotation.copies == 3


def test_copies_that_fit_into_twice_the_l2_are_refused() -> None:
    Rotation([lambda: None] * 2, touched=100, l2=100)
    with pytest.raises(MeasurementError, match=r"cold_not_achieved: 2 copies of 99 bytes.* use 4"):
        Rotation([lambda: None] * 2, touched=99, l2=100)
