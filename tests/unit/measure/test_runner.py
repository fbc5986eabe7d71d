"""One job in this process: what was asked for comes back, in a fit order, with one status."""

import mmap
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from making_runs import batch_of
from sabench.cases.case import Case
from sabench.cases.plan import Batch, Job, make_jobs
from sabench.catalog.metrics import METRICS, metrics_of
from sabench.catalog.presets import SLOW_CORE, find_preset
from sabench.measure import calls, runner
from sabench.measure.core_speed import CoreSpeed
from sabench.measure.instruments import Instruments, make_timer
from sabench.measure.load import Disturbance
from sabench.measure.runner import run_job
from sabench.measure.termination import InterruptError, Termination
from sabench.records import Flag, Reading, Record, Status

TINY = find_preset("quick").model_copy(
    update={"warmup_min_s": 0.01, "warmup_max_s": 0.05, "budget_s": 0.05, "samples_max": 20}
)
CASE = Case(kind="layer", subject="conv", channels=4, size=6, batch=3)


def job_of(case: Case, metrics: tuple[str, ...]) -> tuple[Job, Batch]:
    (job, *_) = make_jobs([case], ["cpu"], (), TINY, seed=1)
    job = job.model_copy(update={"metrics": metrics})
    return job, batch_of([job], preset=TINY)


def record_of(case: Case, *metrics: str, flags: tuple[Flag, ...] = ()) -> Record:
    job, batch = job_of(case, metrics)
    return run_job(job, batch, flags)[0]


def test_every_metric_asked_for_has_samples_or_a_reason() -> None:
    asked = tuple(name for name in metrics_of("profile") if not METRICS[name].apart)
    found = record_of(CASE, *asked)
    assert tuple(found.readings) == asked
    for name, reading in found.readings.items():
        assert reading.unit == METRICS[name].unit, name
        assert bool(reading.samples) != bool(reading.reason), name


@pytest.mark.serial  # blocks of more than 20 ms are not waited for
@pytest.mark.parametrize(("threads", "is_waited_for"), [(1, True), (2, True), (5, False)])
def test_a_shared_core_is_waited_for_where_all_of_a_case_are_read(
    monkeypatch: pytest.MonkeyPatch, threads: int, is_waited_for: bool
) -> None:
    class Shared(CoreSpeed):
        def is_slow(self, reading: float, limit: float = SLOW_CORE) -> bool:
            return True

    monkeypatch.setattr("sabench.measure.instruments.speed_of_this_process", Shared)
    monkeypatch.setattr("sabench.measure.cpu_timer.judge", lambda *_: Disturbance.NONE)  # seen work
    found = record_of(CASE.model_copy(update={"threads": threads}), "latency_warm")
    passed_over = found.readings["latency_warm"].details["passed_over"]
    assert isinstance(passed_over, int)
    assert (passed_over > 0) is is_waited_for
    assert found.status is Status.CONTENDED


def test_throughput_is_images_over_latency() -> None:
    found = record_of(CASE, "latency_warm", "throughput").readings
    assert found["throughput"].samples == pytest.approx(
        [CASE.batch / sample for sample in found["latency_warm"].samples]
    )


def test_only_what_was_asked_for_is_kept() -> None:
    assert set(record_of(CASE, "latency_warm").readings) == {"latency_warm"}


def test_tracing_comes_after_timing(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []

    class Noted:
        def __init__(self, name: str) -> None:
            self.name = name

        def __call__(self, *_: object) -> dict[str, Reading]:
            order.append(self.name)
            return {"params": Reading.of("1", [1]), "latency_warm": Reading.of("s", [1])}

    monkeypatch.setattr("sabench.catalog.metrics.load_target", lambda target: Noted(target))
    record_of(CASE, "params", "latency_warm")
    assert [target.split(":")[0].split(".")[-1] for target in order] == ["latency", "counts"]


def test_flags_of_the_process_make_the_status_flagged(monkeypatch: pytest.MonkeyPatch) -> None:
    def quiet(job: Job, *_: object) -> Instruments:
        timer = make_timer(job.device, job.case.threads)
        return Instruments(timer, usage=lambda: None)

    monkeypatch.setattr(runner, "make_instruments", quiet)
    assert record_of(CASE, "params").status is Status.OK
    assert record_of(CASE, "params", flags=(Flag.NOT_PINNED,)).status is Status.OK_FLAGGED
    assert record_of(CASE, "params", flags=(Flag.MACS_MISMATCH,)).status is Status.OK


def test_contention_in_any_timing_is_the_records_status(monkeypatch: pytest.MonkeyPatch) -> None:
    measure = runner.Protocol.measure

    def contended(self: Any, call: Any) -> Any:
        timing = measure(self, call)
        self.status = Status.CONTENDED
        return replace(timing, status=Status.CONTENDED)

    monkeypatch.setattr(runner.Protocol, "measure", contended)
    found = record_of(CASE, "latency_warm")
    assert found.status is Status.CONTENDED
    assert found.readings["latency_warm"].samples


def test_an_interruption_ends_the_process_with_a_record() -> None:
    job, batch = job_of(CASE, ("latency_warm",))
    termination = Termination()

    def show_figure(_latency_s: float, _n: int) -> None:
        termination(15, None)

    record, ends_process = run_job(job, batch, (), show_figure, termination)
    assert record.status is Status.INTERRUPTED
    assert ends_process
    assert termination.asked


def test_a_signal_outside_a_job_raises_nothing() -> None:
    termination = Termination()
    termination(15, None)
    assert termination.asked
    with pytest.raises(InterruptError), termination.interrupting():
        termination(15, None)


def test_growth_of_resident_memory_needs_no_other_metric() -> None:
    (reading,) = record_of(CASE, "peak_rss_growth").readings.values()
    assert reading.unit == "B"
    assert reading.samples or reading.reason


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak stands")
def test_looking_at_the_values_is_no_growth_of_the_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    def looks(*_: object) -> bool:
        with mmap.mmap(-1, 256 * 2**20) as pages:
            pages.write(b"1" * len(pages))
        return True

    monkeypatch.setattr(calls, "is_finite", looks)
    found = record_of(CASE, "peak_rss_growth").readings["peak_rss_growth"]
    assert found.samples
    assert found.samples[0] < 64 * 2**20
