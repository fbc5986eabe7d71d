"""Predicted seconds of energy windows, held against the meter itself on a scripted clock."""

import pytest

from fakes.energy import Bench
from sabench.cases import predict as module
from sabench.cases.case import Case
from sabench.cases.plan import make_jobs
from sabench.cases.predict import ENERGY_ONCE_S, energy_seconds, predict, reads_energy
from sabench.cases.rates import wall_key
from sabench.catalog.presets import PRESETS
from sabench.known import Known, Lesson

CONV = Case(kind="layer", subject="conv", channels=64, size=56)
HALO = Case(kind="layer", subject="halo", channels=64, size=56, implementation="blocked")
CUDA = Known(device="cuda:any")
STANDARD, STRICT = PRESETS["standard"], PRESETS["strict"]


@pytest.mark.parametrize("preset", [STANDARD, STRICT])
@pytest.mark.parametrize("call_s", [1e-3, 0.05, 0.5, 3.0])
def test_the_model_is_within_a_fifth_of_the_windows_themselves(preset, call_s: float) -> None:
    bench = Bench(call_s=call_s)
    bench.meter().measure(bench.call, bench.synchronise, preset)
    assert energy_seconds(call_s, preset) + ENERGY_ONCE_S == pytest.approx(bench.now, rel=0.2)


@pytest.mark.parametrize(
    ("device", "preset", "metric", "reads"),
    [
        ("cuda:0", "standard", "energy", True),
        ("cuda:0", "standard", "power", True),
        ("cuda:0", "standard", "latency_warm", False),
        ("cuda:0", "quick", "energy", False),
        ("cpu", "standard", "energy", False),
    ],
)
def test_energy_costs_time_where_it_is_read(device, preset, metric, reads) -> None:
    (job, *_) = make_jobs([CONV], [device], [metric], PRESETS[preset], seed=0)
    assert reads_energy(job, PRESETS[preset]) is reads


def total(*metrics: str, known: Known = CUDA) -> float:
    return predict([CONV, HALO], STANDARD, {"cuda:0": known}, metrics=metrics).total_s


def test_each_process_of_each_case_pays_for_its_windows() -> None:
    extra = total("latency_warm", "energy") - total("latency_warm")
    windows_s = 3 * 2.2 + 1.1
    assert extra == pytest.approx(5 * (2 * windows_s + 6.0))


def test_what_was_learnt_holds_the_windows_already(monkeypatch) -> None:
    monkeypatch.setattr(module, "START_S", {"cuda": 0.0})
    monkeypatch.setattr(module, "PARITY_S", 0.0)
    walls = [wall_key(case.case_id, "standard", apart=False) for case in (CONV, HALO)]
    known = CUDA.learn(Lesson(wall_key=key, wall_s=20.0) for key in walls)
    assert total("energy", known=known) == pytest.approx(5 * 2 * 20.0, rel=0.01)
