"""A planted call takes as many times as long as was asked for, and counts as it did before."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from faking import fake_case
from faking import plant as plant_script
from making_runs import batch_of, preset
from sabench.cases.case import Case
from sabench.cases.plan import Job, make_jobs
from sabench.catalog.presets import find_preset
from sabench.measure import plant as planting
from sabench.measure.building import build_subject
from sabench.measure.cpu_timer import CpuTimer
from sabench.measure.fake_bench import FakeBench
from sabench.measure.metrics.operators import OperatorCalls
from sabench.measure.plant import Planted, fit, fitting, plant, product_of
from sabench.measure.runner import run_job
from sabench.measure.runtimes.eager import prepare
from sabench.measure.timer import Call
from sabench.records import Record

CASE = Case(kind="layer", subject="conv", channels=4, size=6)


@dataclass(slots=True)
class Ledger:
    """A clock that only work moves, and work of known length."""

    now_ns: int = 0

    def clock_ns(self) -> int:
        return self.now_ns

    def work(self, ns: int) -> Call:
        """A call that takes so long."""

        def call() -> torch.Tensor:
            self.now_ns += ns
            return OUTPUT

        return call


OUTPUT = torch.zeros(1)


@pytest.mark.parametrize("asked", [1.03, 1.10, 1.25])
@pytest.mark.parametrize("call_ns", [20_000, 300_000, 7_000_000])
def test_a_planted_call_takes_as_long_as_asked(asked: float, call_ns: int) -> None:
    ledger = Ledger()
    timer = CpuTimer(1, ledger.clock_ns)
    extra_s = (asked - 1.0) * call_ns * 1e-9
    product = fitting(lambda positions: ledger.work(positions * 40), extra_s, "cpu", timer)
    planted = Planted(ledger.work(call_ns), product, rate=1.0)  # type: ignore[arg-type]
    known_to, _ = fit(planted, asked, timer)
    assert known_to is not None
    assert known_to <= 0.002
    start = ledger.now_ns
    for _ in range(2000):
        assert planted() is OUTPUT
    assert (ledger.now_ns - start) / (2000 * call_ns) == pytest.approx(asked, abs=0.003)


def test_a_product_is_short_beside_the_extra_work_where_it_can_be() -> None:
    ledger = Ledger()
    timer = CpuTimer(1, ledger.clock_ns)

    def length_ns(extra_s: float) -> int:
        product = fitting(lambda positions: ledger.work(positions * 40), extra_s, "cpu", timer)
        start = ledger.now_ns
        product()
        return ledger.now_ns - start

    assert length_ns(100e-3) == 4096 * 40  # 164 us: less than the 32nd part of 100 ms
    assert length_ns(1e-3) == 512 * 40  # of 1 ms the 32nd part is 31.25 us, of twice as many 41
    assert length_ns(1e-9) == 16 * 40  # 640 ns: none shorter than a microsecond is looked for


def test_a_part_of_a_product_is_owed_to_the_next_call() -> None:
    done: list[int] = []
    planted = Planted(lambda: OUTPUT, lambda: done.append(1), rate=0.4)
    after = []
    for _ in range(5):
        planted()
        after.append(len(done))
    assert after == [0, 0, 1, 1, 2]


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_the_product_is_one_of_the_cases_channels(dtype: str) -> None:
    case = CASE.model_copy(update={"dtype": dtype})
    with OperatorCalls() as seen:
        out = product_of(case, "cpu", 32)()
    assert isinstance(out, torch.Tensor)
    assert out.shape == (4, 32)
    assert seen.calls["aten.mm"] == 1


def job_of(ratio: float, *metrics: str, case: Case = CASE) -> Job:
    job = make_jobs([case], ["cpu"], (), preset(), seed=1)[0]
    return job.model_copy(update={"plant": ratio, "metrics": metrics})


def test_the_planted_call_gives_what_the_call_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planting, "FIT_S", 0.01)
    monkeypatch.setattr(planting, "WARM_S", 0.0)
    job = job_of(1.5)
    execution = prepare(build_subject(job))
    with execution.context():
        expected = execution.call()
        told = plant(job, execution, CpuTimer(1))
        with OperatorCalls() as seen:
            for _ in range(50):
                found = execution.call()
    assert torch.equal(found, expected)  # type: ignore[arg-type]
    assert told["asked"] == 1.5
    assert seen.calls["aten.convolution"] == 50
    assert seen.calls["aten.mm"] > 0


def test_exact_counts_are_those_of_the_call_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planting, "FIT_S", 0.01)
    monkeypatch.setattr(planting, "WARM_S", 0.0)

    def record(ratio: float) -> Record:
        job = job_of(ratio, "operator_calls", "peak_allocated", "macs")
        return run_job(job, batch_of([job], preset=find_preset("quick")))[0]

    base, planted = record(1.0), record(1.5)
    figures = {name: reading.samples for name, reading in base.readings.items()}
    assert {name: reading.samples for name, reading in planted.readings.items()} == figures
    assert figures["peak_allocated"] >= (
        4 * 6 * 6 * 4,
    )  # the output, and a convolution's workspace
    assert "plant" not in base.details
    assert isinstance(planted.details["plant"], dict)


def test_a_scripted_call_takes_as_long_as_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant_script(monkeypatch, tmp_path, {"seconds": 2e-4})
    job = job_of(1.25, "latency_warm", case=fake_case(7))
    assert FakeBench.of(job).timer.once(lambda: None) == pytest.approx(2.5e-4)
    record = run_job(job, batch_of([job]))[0]
    assert record.readings["latency_warm"].median == pytest.approx(2.5e-4), record.message
    assert record.details["plant"] == {"asked": 1.25, "made_up": True}
