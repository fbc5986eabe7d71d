"""The floor as a metric: by hand for told ceilings, and with those of this machine."""

import importlib
from typing import Any

import pytest
import torch

from making_runs import batch_of
from sabench.cases.case import Case
from sabench.cases.plan import make_jobs
from sabench.catalog.presets import find_preset
from sabench.measure import ceilings
from sabench.measure.cpu_timer import CpuTimer
from sabench.measure.metrics import floor
from sabench.measure.protocol import Protocol
from sabench.measure.runner import run_job
from sabench.records import SHOWN, Reading, Record

ASKED = ("floor", "floor_bytes", "floor_macs", "floor_exponentials")
TINY = find_preset("quick").model_copy(
    update={"warmup_min_s": 0.01, "warmup_max_s": 0.05, "budget_s": 0.05, "samples_max": 20}
)
CONV = Case(kind="layer", subject="conv", channels=8, size=4, options={"window": 3})
"""576 weights, 128 numbers in and as many out, 576 x 16 MACs: 3,328 bytes, 9,216 MACs."""

TOLD = {"copy": 1e6, "read": 3.328e6, "matmul": 9.216e5, "conv": 1e5, "exp": 1.0}
HALO = Case(
    kind="layer", subject="halo", channels=16, size=8, options={"block": 4, "halo": 1, "heads": 2}
)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> dict[str, float | str]:
    """The ceilings of a device, which a test may alter."""
    rates: dict[str, float | str] = dict(TOLD)
    monkeypatch.setattr(floor, "_ceiling", lambda name, *_: rates[name])
    return rates


def record_of(case: Case, *metrics: str) -> Record:
    (job, *_) = make_jobs([case], ["cpu"], (), TINY, seed=1)
    job = job.model_copy(update={"metrics": metrics})
    return run_job(job, batch_of([job], preset=TINY))[0]


def readings_of(case: Case) -> dict[str, Reading]:
    return dict(record_of(case, *ASKED).readings)


@pytest.mark.usefixtures("told")
def test_each_kind_of_work_is_held_against_its_highest_ceiling() -> None:
    found = readings_of(CONV)
    assert found["floor_bytes"].samples == pytest.approx([1e-3])
    assert found["floor_macs"].samples == pytest.approx([1e-2])
    assert found["floor"].samples == found["floor_macs"].samples
    assert found["floor"].details == {"by": "macs"}
    assert found["floor_bytes"].details == {"amount": 3328, "ceiling": "read", "rate": 3.328e6}
    assert found["floor_exponentials"].reason == "the case has none of it"


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize(
    ("changes", "macs_s"), [({"batch": 3}, 3e-2), ({"mode": "forward_backward"}, 3e-2)]
)
def test_a_floor_is_of_the_whole_call(changes: dict[str, object], macs_s: float) -> None:
    found = readings_of(CONV.model_copy(update=changes))
    assert found["floor_macs"].samples == pytest.approx([macs_s])


def test_ceilings_are_taken_once_in_a_process_and_those_of_bytes_once_a_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken: list[tuple[str, str, int]] = []

    def measure(name: str, _device: str, dtype: torch.dtype, moved: int, _timer: object) -> float:
        taken.append((name, str(dtype), moved))
        return 1e6

    monkeypatch.setattr(floor, "measure_ceiling", measure)
    floor._ceiling.cache_clear()
    try:
        for size in (4, 6, 128):
            readings_of(CONV.model_copy(update={"size": size}))
        half = CONV.model_copy(update={"autocast": "bf16"})
        readings_of(half)
    finally:
        floor._ceiling.cache_clear()
    fp32, bf16 = "torch.float32", "torch.bfloat16"
    assert taken == [
        *(("copy", fp32, 2**18), ("read", fp32, 2**18)),
        *(("matmul", fp32, 0), ("conv", fp32, 0)),
        *(("copy", fp32, 2**20), ("read", fp32, 2**20)),  # of 128 px: 1,050,880 bytes
        *(("copy", bf16, 2**18), ("read", bf16, 2**18)),
        *(("matmul", bf16, 0), ("conv", bf16, 0)),
    ]


def test_on_this_machine_each_kind_has_a_floor_and_the_longest_counts() -> None:
    found = readings_of(HALO)
    parts = {name: found[name].median or 0.0 for name in ASKED[1:]}
    assert min(parts.values()) > 0
    assert found["floor"].median == max(parts.values())
    assert parts[f"floor_{found['floor'].details['by']}"] == found["floor"].median


def test_what_does_nothing_has_no_floor_and_says_so() -> None:
    found = readings_of(Case(kind="layer", subject="identity", channels=8, size=4))
    assert found["floor"].reason == "nothing to do: no floor to hold it against"
    assert all(found[name].reason == "the case has none of it" for name in ASKED[1:])


def test_a_ceiling_that_fails_costs_its_own_floor_alone(told: dict[str, float | str]) -> None:
    told["exp"] = "RuntimeError: failed to find a C compiler"
    found = readings_of(HALO)
    assert found["floor_exponentials"].reason == f"no ceiling: {told['exp']}"
    others = [found[f"floor_{kind}"].median or 0.0 for kind in ("macs", "bytes")]
    assert found["floor"].median == max(others) > 0
    told["matmul"] = told["conv"] = told["copy"] = told["read"] = "ValueError: no"
    assert readings_of(HALO)["floor"].reason.startswith("no ceiling: ")


def test_an_operator_that_is_not_there_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_kernel(*_: object) -> None:
        raise RuntimeError("\"mm\" not implemented for 'Half'\nmore")

    monkeypatch.setitem(ceilings.CEILINGS, "matmul", no_kernel)
    found = ceilings.measure_ceilings("cpu", torch.float32, 2**16, CpuTimer(1))
    assert found.pop("matmul") == "RuntimeError: \"mm\" not implemented for 'Half'"
    assert all(isinstance(rate, float) and rate > 0 for rate in found.values())


@pytest.mark.parametrize("allocator", ["cuda", "cpu"])
def test_memory_that_runs_out_costs_the_floor_alone(
    monkeypatch: pytest.MonkeyPatch, allocator: str
) -> None:
    def hungry(*_: object) -> None:
        if allocator == "cuda":
            raise torch.OutOfMemoryError("CUDA out of memory")
        torch.empty(2**50)

    monkeypatch.setitem(ceilings.CEILINGS, "matmul", hungry)
    floor._ceiling.cache_clear()
    record = record_of(CONV, *ASKED, "latency_warm")
    assert record.readings["latency_warm"].median
    assert {record.readings[name].reason for name in ASKED} == {
        "no memory left for it beside the case, which fits"
    }
    assert record.status in SHOWN


def test_it_comes_after_what_is_timed_whatever_was_asked_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order: list[str] = []
    for name in ("floor", "latency", "operators"):
        module = importlib.import_module(f"sabench.measure.metrics.{name}")

        def noted(*given: object, name: str = name, measure: Any = module.measure) -> Any:
            order.append(name)
            return measure(*given)

        monkeypatch.setattr(module, "measure", noted)
    record_of(CONV, "operator_calls", *ASKED, "latency_warm")
    assert order == ["latency", "floor", "operators"]


def test_a_deadline_that_is_over_leaves_no_time_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Protocol, "remaining_s", lambda _: 0.0)
    assert readings_of(CONV)["floor"].reason == "the case's deadline left no time for it"
