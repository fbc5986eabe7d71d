"""Energy readings: joules per image with a validity each, or a reason, never a false number."""

import io
import json
import math
import re
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from fakes.energy import CALL_S, IDLE_W, LOAD_W, Bench
from making_runs import case, preset, record_of, run_info
from sabench.catalog.presets import PRESETS
from sabench.errors import DeviceError
from sabench.measure.energy_state import FLAG_OF, Validity
from sabench.measure.metrics import energy as module
from sabench.records import Flag, Reading
from sabench.report.tables import LeaderboardTable
from sabench.store.figure import figure_of
from sabench.store.leaderboard import make_leaderboard

STANDARD = PRESETS["standard"]
BATCH = 4
JOULES = re.compile(r"\d [mun]?J\b")


def readings_of(bench: Bench, batch: int = BATCH) -> dict[str, Reading]:
    meter = bench.meter()
    return module.readings(meter.measure(bench.call, bench.synchronise, STANDARD), batch, meter)


def test_energy_is_joules_of_one_image_and_net_leaves_the_idle_part_out() -> None:
    found = readings_of(Bench(step_s=1e-3))
    per_call, rest = LOAD_W * CALL_S, IDLE_W * CALL_S
    assert found["energy"].samples == pytest.approx([per_call / BATCH] * 3, rel=1e-3)
    assert found["energy_net"].samples == pytest.approx([(per_call - rest) / BATCH] * 3, rel=2e-3)
    assert found["power"].samples == pytest.approx([LOAD_W] * 3, rel=1e-3)
    assert [reading.unit for reading in found.values()] == ["J", "J", "W"]
    assert {reading.details["validity"] for reading in found.values()} == {"valid"}


def test_both_readings_of_a_disagreement_stand_in_the_details() -> None:
    reading = readings_of(Bench(step_s=1e-3, sensor=1.2))["energy"]
    assert reading.flags == (Flag.ENERGY_DISAGREE,)
    assert reading.details["validity"] == "disagree"
    assert reading.details["integrated_j"] == pytest.approx(1.2 * (reading.median or 0), rel=1e-3)


def test_what_draws_no_more_than_idle_has_no_net_energy() -> None:
    found = readings_of(Bench(load_w=IDLE_W))
    assert found["energy"].samples
    assert found["energy_net"].reason == "the device drew no more than idle, 100 W, in a window"
    assert found["energy_net"].details["validity"] == "unavailable"


@pytest.mark.parametrize("name", ["quick", "gate"])
def test_a_preset_without_windows_says_where_energy_is_read(name: str) -> None:
    found = measured(PRESETS[name])
    assert {one.reason for one in found.values()} == {
        f"preset {name} reads no energy; --preset standard"
    }
    assert {one.details["validity"] for one in found.values()} == {"unavailable"}


def measured(
    chosen: Any, bench: Bench | None = None, since_s: float = 0.0, device: str = "cpu"
) -> dict[str, Reading]:
    bench = bench or Bench()
    protocol: Any = SimpleNamespace(preset=chosen, clock=lambda: since_s, started_s=0.0)
    subject: Any = SimpleNamespace(device=device, case=SimpleNamespace(batch=BATCH))
    execution: Any = SimpleNamespace(call=bench.call)
    return module.measure(subject, execution, protocol)


def test_a_boards_windows_begin_and_end_behind_the_work_of_its_own_device(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain, bench, opened = Bench(step_s=1e-3), Bench(step_s=1e-3), []
    readings_of(plain)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: bench.log.append(device))
    monkeypatch.setattr(module, "open_board", lambda device, _: opened.append(device))
    monkeypatch.setattr(module, "Meter", lambda _: bench.meter())
    module.meter_of.cache_clear()
    try:
        found = measured(STANDARD, bench, device="cuda:1")["energy"]
    finally:
        module.meter_of.cache_clear()
    assert opened == ["cuda:1"]
    assert found.samples == pytest.approx([LOAD_W * CALL_S / BATCH] * 3, rel=1e-3)
    assert bench.log == ["cuda:1" if what == "synchronise" else what for what in plain.log]


def test_a_board_that_is_not_there_is_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(device: str, _: object) -> None:
        raise DeviceError(f"NVML does not know {device}")

    monkeypatch.setattr(module, "open_board", missing)
    module.meter_of.cache_clear()
    try:
        found = measured(STANDARD, device="cuda:1")
    finally:
        module.meter_of.cache_clear()
    assert {one.reason for one in found.values()} == {"NVML does not know cuda:1"}


def test_without_a_counter_the_reason_is_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "meter_of", lambda device: f"no counter on {device}")
    assert {one.reason for one in measured(STANDARD).values()} == {"no counter on cpu"}


def test_the_windows_end_before_the_deadline_or_are_not_begun(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def at(since_s: float) -> dict[str, Reading]:
        bench = Bench()
        monkeypatch.setattr(module, "meter_of", lambda device: bench.meter())
        return measured(STANDARD, bench, since_s)

    assert at(145.0)["energy"].samples  # 0.9 x 180 s - 145 s = 17 s
    late = at(147.0)
    assert late["energy"].reason == "the windows take 15 s and the deadline leaves 14 s"


def spoilt(kind: str, second: float) -> Any:
    """A counter that is no counter from a moment on."""
    kept: list[float] = []

    def spoil(now: float, joules: float) -> float:
        if now < second:
            return joules
        kept.append(joules)
        return {
            "frozen": kept[0],
            "zero": 0.0,
            "backwards": 2 * kept[0] - joules - 1.0,
            "nan": math.nan,
            "infinite": math.inf,
            "jump": joules + 1e12,
        }[kind]

    return spoil


KINDS = ("frozen", "zero", "backwards", "nan", "infinite", "jump")
maybe = st.sampled_from([None, math.nan, math.inf])


@settings(max_examples=500, deadline=None)
@given(
    kind=st.sampled_from([None, None, *KINDS]),
    second=st.floats(0.0, 12.0),
    sensor=st.floats(0.0, 3.0) | maybe,
    load_w=st.floats(0.0, 900.0),
    idle_w=st.floats(0.0, 300.0),
    call_s=st.sampled_from([0.01, 0.1, 3.0]),
    step_s=st.sampled_from([0.01, 0.1, 0.5]),
    degrees=st.floats(-1.0, 1.0) | maybe,
    other=st.sampled_from(["", "process 7 is on the board"]),
    lost_at=st.sampled_from([math.inf, math.inf, 0.0, 0.5, 3.0, 9.0]),
    batch=st.integers(1, 512),
)
def test_every_reading_is_a_figure_with_its_validity_or_a_reason(
    kind: str | None, second: float, degrees: float | None, batch: int, **fields: Any
) -> None:
    """Turned red by dropping the check for numbers in `_joules` or in `integral`."""
    bench = Bench(**fields)
    if kind:
        bench.spoil = spoilt(kind, second)
    bench.degrees = lambda now: None if degrees is None else 50.0 + degrees * now
    for name, reading in readings_of(bench, batch).items():
        told = json.dumps(reading.model_dump(mode="json"), allow_nan=False)  # refuses NaN
        assert Reading.model_validate_json(told) == reading
        validity = Validity(str(reading.details["validity"]))
        is_figure = bool(reading.samples)
        assert is_figure is not bool(reading.reason), name
        assert is_figure or validity in (Validity.INVALID, Validity.UNAVAILABLE)
        assert not is_figure or all(sample > 0 for sample in reading.samples)
        if validity is Validity.INVALID:
            assert reading.flags == (Flag.ENERGY_INVALID,)
        if is_figure and validity in FLAG_OF:
            assert FLAG_OF[validity] in reading.flags


@pytest.mark.parametrize("kind", KINDS)
def test_the_table_prints_no_joules_of_an_invalid_counter(kind: str) -> None:
    assert JOULES.search(table(kind)) is None
    text = table(kind, with_valid_row=True)
    found = {line.split()[1]: line for line in text.splitlines() if line.startswith("1=")}
    assert JOULES.search(found["conv"])
    assert JOULES.search(found["halo"]) is None
    assert "energy_invalid: the energy counter stood still or ran backwards" in " ".join(
        text.split()
    )


def test_the_table_prints_the_joules_of_a_valid_counter() -> None:
    assert "150 mJ" in table(None)


def test_a_case_whose_counter_was_invalid_in_one_process_has_no_energy() -> None:
    sound, broken = readings_of(Bench()), readings_of(Bench(spoil=spoilt("frozen", 3.0)))
    figure = figure_of([sound["energy"], broken["energy"], sound["energy"]])
    assert figure.median is None
    assert figure.reason == "a counter: the counter stood still"
    assert figure.validity == ("valid", "invalid", "valid")
    assert figure.flags == (Flag.ENERGY_INVALID,)


def test_the_validity_of_each_process_stands_beside_the_figure() -> None:
    found = [readings_of(Bench(other=other))["energy"] for other in ("", "process 7")]
    figure = figure_of(found)
    assert figure.median == pytest.approx(LOAD_W * CALL_S / BATCH, rel=0.01)
    assert figure.validity == ("valid", "shared")


def table(kind: str | None, *, with_valid_row: bool = False) -> str:
    """The leaderboard of a spoilt counter's case, beside one with a sound counter if asked."""
    names = ("halo", "conv") if with_valid_row else ("halo",)
    info = run_info(
        tuple(case(name, size=56) for name in names),
        preset=preset(processes=1),
        metrics=("latency_warm", "energy"),
    )
    records = []
    for job in info.jobs():
        bench = Bench(step_s=1e-3)
        if job.case.subject == "halo" and kind:
            bench.spoil = spoilt(kind, 3.0)
        told = {"latency_warm": Reading.of("s", [1e-3] * 10)} | readings_of(bench)
        records.append(record_of(job, readings=told))
    out = io.StringIO()
    Console(file=out, width=120, highlight=False).print(
        LeaderboardTable(make_leaderboard(info, records))
    )
    return out.getvalue()
