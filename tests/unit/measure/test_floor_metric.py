"""The floor as a metric: by hand for told ceilings, and with those of this machine."""

import pytest
import torch

from making_runs import batch_of
from sabench.cases.case import Case
from sabench.cases.plan import make_jobs
from sabench.catalog.presets import find_preset
from sabench.measure.metrics import floor
from sabench.measure.runner import run_job
from sabench.records import MEASURED, Reading, Record

ASKED = ("floor", "floor_bytes", "floor_macs", "floor_exponentials")
TINY = find_preset("quick").model_copy(
    update={"warmup_min_s": 0.01, "warmup_max_s": 0.05, "budget_s": 0.05, "samples_max": 20}
)
CONV = Case(kind="layer", subject="conv", channels=8, size=4, options={"window": 3})
"""576 weights, 128 numbers in and as many out, 576 x 16 MACs: 3,328 bytes, 9,216 MACs."""

TOLD = {"copy": 1e6, "read": 3.328e6, "matmul": 9.216e5, "conv": 1e5, "exp": 1.0}


def record_of(case: Case, *metrics: str) -> Record:
    (job, *_) = make_jobs([case], ["cpu"], (), TINY, seed=1)
    job = job.model_copy(update={"metrics": metrics})
    return run_job(job, batch_of([job], preset=TINY))[0]


def readings_of(case: Case) -> dict[str, Reading]:
    return dict(record_of(case, *ASKED).readings)


def test_each_kind_of_work_is_held_against_its_highest_ceiling(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[object, ...]] = []
    monkeypatch.setattr(floor, "_ceilings", lambda *told: asked.append(told) or TOLD)
    found = readings_of(CONV)
    assert asked == [("cpu", "fp32", 1, 2**16)]
    assert found["floor_bytes"].samples == pytest.approx([1e-3])
    assert found["floor_macs"].samples == pytest.approx([1e-2])
    assert found["floor"].samples == found["floor_macs"].samples
    assert found["floor"].details == {"by": "macs"}
    assert found["floor_bytes"].details == {"amount": 3328, "ceiling": "read", "rate": 3.328e6}
    assert found["floor_exponentials"].reason.startswith("the case has none of it")


def test_a_batch_has_as_many_floors_as_its_latency_has_images(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(floor, "_ceilings", lambda *_: TOLD)
    found = readings_of(CONV.model_copy(update={"batch": 3}))
    assert found["floor_macs"].samples == pytest.approx([3e-2])


def test_ceilings_are_taken_once_in_a_process_for_cases_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes: list[int] = []

    def measure(_device: str, _dtype: torch.dtype, moved: int, _timer: object) -> dict[str, float]:
        sizes.append(moved)
        return TOLD

    monkeypatch.setattr(floor, "measure_ceilings", measure)
    floor._ceilings.cache_clear()
    try:
        for size in (4, 6, 64):
            readings_of(CONV.model_copy(update={"size": size}))
    finally:
        floor._ceilings.cache_clear()
    assert sizes == [2**16, 2**19]  # of 64 px: 264,448 bytes


def test_on_this_machine_each_kind_has_a_floor_and_the_longest_counts() -> None:
    halo = Case(
        kind="layer",
        subject="halo",
        channels=16,
        size=8,
        options={"block": 4, "halo": 1, "heads": 2},
    )
    found = readings_of(halo)
    parts = {name: found[name].median or 0.0 for name in ASKED[1:]}
    assert min(parts.values()) > 0
    assert found["floor"].median == max(parts.values())
    assert parts[f"floor_{found['floor'].details['by']}"] == found["floor"].median


def test_what_does_nothing_has_no_floor_and_says_so() -> None:
    nothing = Case(kind="layer", subject="identity", channels=8, size=4)
    told = {one.reason for one in readings_of(nothing).values()}
    assert told == {"nothing to do: no floor to hold it against"}


def test_memory_that_runs_out_costs_the_floor_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def hungry(*_: object) -> None:
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(floor, "_ceilings", hungry)
    record = record_of(CONV, "latency_warm", *ASKED)
    assert record.readings["latency_warm"].median
    assert {record.readings[name].reason for name in ASKED} == {
        "no memory left for it beside the case, which fits"
    }
    assert record.status in MEASURED or record.status == "contended"
