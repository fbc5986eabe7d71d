"""Energy and memory on a real board: two ways to the same joules, and what NVML adds to torch."""

from pathlib import Path

import pytest
from on_gpu import MARKS, measure_on_gpu

from sabench.cases.case import Case
from sabench.measure.energy import STEPS
from sabench.measure.energy_state import AGREES
from sabench.records import Reading

pytestmark = MARKS

HEAVY = Case(kind="layer", subject="conv", channels=256, size=56, batch=256)
WINDOWS = {"energy_windows": 3, "energy_window_s": 2.0, "deadline_s": 120.0, "memory_apart": True}


@pytest.fixture(scope="module")
def readings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Reading]:
    """Every reading of one heavy convolution, its two processes together."""
    folder: Path = tmp_path_factory.mktemp("energy") / "run"
    asked = ("latency_warm", "energy", "energy_net", "power")
    asked += ("peak_allocated", "peak_allocated_cold", "peak_reserved", "process_memory")
    records = measure_on_gpu(folder, (HEAVY,), metrics=asked, **WINDOWS)
    assert records
    return {name: one for record in records for name, one in record.readings.items()}


def test_joules_of_the_counter_and_of_integrated_power_are_within_five_percent(
    readings: dict[str, Reading],
) -> None:
    energy = readings["energy"]
    assert energy.samples, energy.reason
    for window in energy.details["windows"]:  # type: ignore[union-attr]
        told = window["integrated_j"], window["counter_j"]  # type: ignore[index,call-overload]
        print(f"integrated {told[0]:.1f} J, counter {told[1]:.1f} J, {told[0] / told[1]:.4f}")
        assert told[0] == pytest.approx(told[1], rel=AGREES)


def test_the_counter_moves_often_enough_for_its_windows(readings: dict[str, Reading]) -> None:
    details = readings["energy"].details
    period_s = details["update_period_s"]
    print(f"the counter moves every {1e3 * period_s:.1f} ms")
    assert 1e-3 < period_s < 1.0
    assert all(one["seconds"] >= STEPS * period_s for one in details["windows"])  # type: ignore[union-attr,index,call-overload]


def test_energy_is_power_times_time_of_one_image(readings: dict[str, Reading]) -> None:
    energy, power = readings["energy"].median, readings["power"].median
    latency = readings["latency_warm"].median
    assert energy is not None
    assert power is not None
    assert latency is not None
    assert energy == pytest.approx(power * latency / HEAVY.batch, rel=0.05)
    assert 0 < (readings["energy_net"].median or 0) < energy


def test_torch_holds_what_it_reserved_and_the_process_holds_more(
    readings: dict[str, Reading],
) -> None:
    output = HEAVY.batch * 256 * 56 * 56 * 4
    steady, reserved = readings["peak_allocated"].median, readings["peak_reserved"].median
    assert steady is not None
    assert reserved is not None
    assert output <= steady <= reserved
    assert (readings["peak_allocated_cold"].median or 0) >= output
    process = readings["process_memory"]
    print(f"process: {process.median or process.reason}, {process.details}")
    if process.median is not None:
        assert process.median >= reserved
