"""Energy over windows on a scripted device: the right figure, or the right reason for none."""

import math

import pytest

from fakes.energy import CALL_S, IDLE_W, LOAD_W, Bench
from sabench.catalog.presets import PRESETS
from sabench.measure.energy import POLL_S, needed_s
from sabench.measure.energy_state import Energy, InvalidError, Validity, check_step, integral
from sabench.records import Flag

STANDARD, STRICT = PRESETS["standard"], PRESETS["strict"]


def energy_of(bench: Bench, preset=STANDARD, left_s: float = math.inf) -> Energy:
    return bench.meter().measure(bench.call, bench.synchronise, preset, left_s)


def joules_of(energy: Energy) -> list[float]:
    return [one.joules / one.calls for one in energy.windows]


def test_a_call_takes_power_times_time() -> None:
    energy = energy_of(Bench())
    assert (energy.validity, energy.flags, energy.reason) == (Validity.VALID, (), "")
    assert len(energy.windows) == 3
    # the counter may be a step of 0.01 s behind at either end of 2.2 s
    assert joules_of(energy) == pytest.approx([LOAD_W * CALL_S] * 3, rel=0.01 / 2)
    assert energy.idle_w == pytest.approx(IDLE_W, rel=0.01)
    assert energy.period_s == pytest.approx(0.01, rel=0.02)


@pytest.mark.parametrize(
    ("preset", "step_s", "window_s"),
    [(STANDARD, 0.01, 2.0), (STANDARD, 0.25, 5.0), (STRICT, 0.1, 5.0)],
)
def test_a_window_holds_twenty_steps_of_the_counter(preset, step_s, window_s) -> None:
    energy = energy_of(Bench(step_s=step_s), preset)
    assert [one.seconds >= window_s for one in energy.windows] == [True] * preset.energy_windows
    assert all(one.seconds < 1.3 * window_s for one in energy.windows)
    assert len({one.calls for one in energy.windows}) == 1  # fixed beforehand


def test_a_call_longer_than_a_window_is_a_window() -> None:
    energy = energy_of(Bench(call_s=4.0))
    assert [one.calls for one in energy.windows] == [1, 1, 1]
    assert joules_of(energy) == pytest.approx([4.0 * LOAD_W] * 3, rel=0.01)


def test_the_counter_is_read_with_the_device_idle_at_both_ends() -> None:
    bench = Bench(call_s=0.5)
    energy_of(bench)
    window = " ".join(["joules", *["call"] * 5, "synchronise", "joules"])
    warmed, *windows = " ".join(bench.log).split(window)
    assert warmed.endswith("synchronise ")
    assert [one.strip() for one in windows] == ["", "", "joules joules"]  # while idle


def frozen_from(second: float):
    kept: list[float] = []

    def spoil(now: float, joules: float) -> float:
        if now >= second:
            kept.append(joules)
        return kept[0] if kept else joules

    return spoil


POLL_MIDDLE, WINDOWS, IDLE = POLL_S / 2, 4.0, 8.5  # the last reading of a window is at 8.7 s

INVALID = {
    "zero": lambda now, joules: 0.0,
    "frozen": frozen_from(0.0),
    "frozen in the windows": frozen_from(WINDOWS),
    "frozen while idle": frozen_from(IDLE),
    "backwards": lambda now, joules: 9000.0 - joules,
    "backwards for a moment": lambda now, joules: joules - (50.0 if 0.4 < now < 0.5 else 0.0),
    "backwards in the windows": lambda now, joules: joules - (2000.0 if now > WINDOWS else 0.0),
    "jumps": lambda now, joules: joules + (1e9 if now > WINDOWS else 0.0),
    "no number": lambda now, joules: math.nan,
    "no number in the windows": lambda now, joules: math.inf if now > WINDOWS else joules,
}


@pytest.mark.parametrize("spoil", INVALID.values(), ids=INVALID)
def test_a_counter_that_no_device_has_gives_no_figure(spoil) -> None:
    """Turned red by leaving `check_step` out of a window, or the polling's comparisons."""
    energy = energy_of(Bench(spoil=spoil))
    assert (energy.validity, energy.flags) == (Validity.INVALID, (Flag.ENERGY_INVALID,))
    assert energy.windows == ()
    assert energy.reason.startswith("a counter: the counter ")


def test_a_counter_that_stands_still_costs_no_window() -> None:
    bench = Bench(spoil=frozen_from(0.0))
    energy_of(bench)
    assert "call" not in bench.log


@pytest.mark.parametrize(
    ("joules", "said"), [(0.0, "stood still"), (-1e-9, "backwards"), (40_001.0, "jumped")]
)
def test_a_step_is_forward_and_possible(joules: float, said: str) -> None:
    check_step(39_999.0, 2.0)
    with pytest.raises(InvalidError, match=said):
        check_step(joules, 2.0)


@pytest.mark.parametrize(
    ("sensor", "agrees"), [(0.96, True), (1.04, True), (0.94, False), (1.06, False)]
)
def test_counter_and_integrated_power_are_held_together_at_five_percent(sensor, agrees) -> None:
    energy = energy_of(Bench(sensor=sensor))
    assert (energy.validity is Validity.VALID) is agrees
    assert (Flag.ENERGY_DISAGREE in energy.flags) is not agrees
    for one in energy.windows:  # both are kept
        assert one.integral_j == pytest.approx(one.seconds * LOAD_W * sensor)
        assert one.joules == pytest.approx(one.seconds * LOAD_W, rel=0.01)


@pytest.mark.parametrize("sensor", [None, math.nan])
def test_without_a_second_reading_the_figure_stands_and_says_so(sensor) -> None:
    energy = energy_of(Bench(sensor=sensor))
    assert energy.validity is Validity.VALID
    assert {one.integral_j for one in energy.windows} == {None}
    assert energy.power_reason == "no power is told"


@pytest.mark.parametrize("until", [6.0, math.inf])  # in the second window, or for good
def test_others_on_the_board_are_told_though_they_have_gone(until: float) -> None:
    energy = energy_of(Bench(other="process 7 is on the board", other_until=until))
    assert (energy.validity, energy.flags) == (Validity.SHARED, (Flag.ENERGY_SHARED,))
    assert energy.others == "process 7 is on the board"
    assert energy.windows


@pytest.mark.parametrize(
    ("per_s", "ramps"), [(0.0, False), (0.4, False), (0.5, True), (-0.5, True)]
)
def test_a_temperature_that_changes_a_degree_in_the_last_window_is_a_ramp(per_s, ramps) -> None:
    energy = energy_of(Bench(degrees=lambda now: 50.0 + per_s * now))  # windows of 2.2 s
    assert (energy.validity is Validity.THERMAL_RAMP) is ramps
    assert (energy.flags == (Flag.THERMAL_RAMP,)) is ramps


def test_a_device_that_still_warms_is_loaded_for_three_seconds_first() -> None:
    def loaded_s(degrees) -> float:
        bench = Bench(degrees=degrees)
        first = []
        original = bench.log_power
        bench.log_power = lambda read: first.append(bench.now) or original(read)
        energy_of(bench)
        return first[0] - POLL_S

    assert loaded_s(lambda now: 60.0) == pytest.approx(1.1, abs=0.05)
    assert loaded_s(lambda now: 60.0 + 2 * now) == pytest.approx(3.1, abs=0.05)


def test_the_worst_state_is_the_validity_and_every_flag_stays() -> None:
    bench = Bench(sensor=2.0, other="process 7", degrees=lambda now: now)
    energy = energy_of(bench)
    assert energy.validity is Validity.DISAGREE
    assert energy.flags == (Flag.ENERGY_DISAGREE, Flag.ENERGY_SHARED, Flag.THERMAL_RAMP)


@pytest.mark.parametrize("moment", [0.0, POLL_MIDDLE, WINDOWS, IDLE])
def test_a_device_that_is_lost_gives_no_figure_and_the_reason(moment: float) -> None:
    energy = energy_of(Bench(lost_at=moment))
    assert (energy.validity, energy.flags) == (Validity.UNAVAILABLE, ())
    assert (energy.reason, energy.windows) == ("NVML: GPU is lost", ())


def test_windows_that_the_deadline_has_no_room_for_are_not_begun() -> None:
    bench = Bench()
    energy = energy_of(bench, left_s=12.0)
    assert energy.validity is Validity.UNAVAILABLE
    assert energy.reason == "the windows take 15 s and the deadline leaves 11 s"
    assert bench.log.count("call") == 1
    assert energy_of(Bench(), left_s=17.0).windows


def test_what_the_device_taught_is_not_asked_again() -> None:
    bench = Bench()
    meter = bench.meter()
    meter.measure(bench.call, bench.synchronise, STANDARD)
    first = bench.now
    meter.measure(bench.call, bench.synchronise, STANDARD)
    assert bench.now - first == pytest.approx(first - POLL_S - 5.0, abs=0.1)


@pytest.mark.parametrize("preset", [STANDARD, STRICT])
@pytest.mark.parametrize("call_s", [1e-3, 0.3, 3.0, 20.0])
@pytest.mark.parametrize("ramp", [0.0, 5.0])
def test_what_is_needed_bounds_what_is_taken(preset, call_s: float, ramp: float) -> None:
    bench = Bench(call_s=call_s, degrees=lambda now: ramp * now)
    energy_of(bench, preset)
    most = needed_s(preset, preset.energy_window_s, call_s, knows_idle=False)
    # before it: the poll and one call; each count of calls is rounded up to a whole one
    rounding = (2 + 5 * preset.energy_windows) * call_s
    assert 0.6 * most < bench.now <= POLL_S + 0.01 + call_s + most + rounding


def test_the_integral_is_that_of_the_straight_lines_between_the_readings() -> None:
    ramp = [(0.5, 0.0), (1.0, 10.0), (2.0, 30.0), (3.0, 50.0), (3.6, 1e9)]
    # flat at 10 W from 0.9 to 1.0, then 20 W and 40 W on average over a second each, flat to 3.5
    assert integral(ramp, 0.9, 3.5) == pytest.approx(0.1 * 10 + 20 + 40 + 0.5 * 50)
    assert integral(ramp[:2], 0.9, 3.5) is None
    assert integral([], 0.0, 1.0) is None
