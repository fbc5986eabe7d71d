"""What the protocol makes of a device that gets hot, slows down, or is shared."""

import math
from itertools import count, repeat
from typing import Any

import pytest

from sabench.catalog.presets import find_preset
from sabench.measure.device_diary import COOLING_S
from sabench.measure.device_watch import DeviceSpan, DeviceWatch
from sabench.measure.judging import Timing
from sabench.measure.load import Disturbance
from sabench.measure.protocol import Protocol
from sabench.records import Flag, Status
from scripted import QUICK, Clock, ScriptedDevice, clean, protocol_of

LONG = {"budget_s": 10.0, "warmup_min_s": 20.0, "warmup_max_s": 30.0}
STANDARD_TIME = QUICK.model_copy(update=LONG)
"""A job that takes long enough for all waits."""
BUILT_S = 1.5  # of a job, before it warms up: building on a device, and a first call
FINE = DeviceSpan(1, sm_clock_mhz=1500.0, power_w=300.0, temperature_c=60.0, isolation="alone")


def span(**changes: Any) -> DeviceSpan:
    fields = {name: getattr(FINE, name) for name in DeviceSpan.__slots__}
    return DeviceSpan(**fields | changes)


def hot(*events: str, start_s: float = 0.0, end_s: float = math.inf) -> ScriptedDevice:
    """A device with these clock events from a time to a time."""
    during = span(events=frozenset(events))
    return ScriptedDevice(lambda now: during if start_s <= now < end_s else FINE)


def measured(device: ScriptedDevice, preset=QUICK) -> tuple[Timing, Protocol, Clock]:
    protocol = protocol_of(clean(), preset, device)
    timing = protocol.measure(lambda: None)
    assert isinstance(protocol.clock, Clock)
    return timing, protocol, protocol.clock


def test_a_device_at_rest_is_told_and_raises_nothing() -> None:
    timing, _, clock = measured(hot())
    assert (timing.status, timing.flags, clock.waits) == (Status.OK, (), [])
    assert timing.details["sm_clock_mhz"] == {"median": 1500, "minimum": 1500, "maximum": 1500}
    assert timing.details["cycles"] == {"median": 3e6, "q1": 3e6, "q3": 3e6}  # 2 ms of 1.5 GHz
    assert timing.details["power_w"]["median"] == 300.0
    assert timing.details["temperature_c"]["maximum"] == 60.0


@pytest.mark.parametrize(
    ("event", "flag"),
    [
        ("hw_thermal_slowdown", Flag.THERMAL),
        ("sw_thermal_slowdown", Flag.THERMAL),
        ("hw_slowdown", Flag.HW_SLOWDOWN),
        ("hw_power_brake", Flag.HW_SLOWDOWN),
    ],
)
def test_a_device_that_stays_slow_keeps_its_figures_and_is_throttled(event: str, flag) -> None:
    timing, protocol, clock = measured(hot(event), STANDARD_TIME)
    assert timing.status is protocol.status is Status.THROTTLED
    assert flag in timing.flags
    assert clock.waits == list(COOLING_S) == [0.5, 1.0, 2.0, 4.0]
    assert len(timing.samples) >= QUICK.samples_min
    assert all(math.isfinite(sample) for sample in timing.samples)
    assert "slowed itself down" in protocol.message


def test_a_device_that_cools_is_ok_flagged_and_the_hot_samples_are_gone() -> None:
    hot_until = 100.0 + STANDARD_TIME.warmup_min_s + 0.5

    def script():
        while True:
            yield (3e-3 if protocol.clock() < hot_until else 2e-3, Disturbance.NONE)

    device = hot("hw_thermal_slowdown", end_s=hot_until)
    protocol = protocol_of(clean(), STANDARD_TIME, device)
    protocol.timer.script = script()
    timing = protocol.measure(lambda: None)
    assert timing.status is Status.OK
    assert Flag.THERMAL in timing.flags
    assert set(timing.samples) == {2e-3}
    assert timing.details["discarded_chunks"] == 1
    assert timing.details["cooled_s"] == 0.5


def test_cooling_takes_no_more_than_a_job_may_measure() -> None:
    _, _, clock = measured(hot("hw_slowdown"), STANDARD_TIME.model_copy(update={"budget_s": 1.2}))
    assert clock.waits == pytest.approx([0.5, 0.7])


def test_a_job_that_takes_little_waits_little() -> None:
    """Quick: 0.2 s of warm-up are too few for a wait that cools anything."""
    _, _, clock = measured(hot("hw_slowdown"))
    assert clock.waits == []


def test_the_waits_of_a_job_are_shared_by_all_that_it_times() -> None:
    protocol = protocol_of(clean(), STANDARD_TIME, hot("hw_slowdown"))
    for _ in range(3):
        protocol.measure(lambda: None)
    assert protocol.clock.waits == list(COOLING_S)


def test_no_wait_goes_past_the_deadline() -> None:
    preset = STANDARD_TIME.model_copy(update={"deadline_s": 26.0})  # 20.8 s of it for timing
    _, protocol, clock = measured(hot("hw_slowdown"), preset)
    assert clock.waits == [0.5]
    assert clock() - protocol.started_s <= 20.8


def test_a_power_cap_is_flagged_and_nothing_is_thrown_away() -> None:
    timing, _, clock = measured(hot("sw_power_cap", "gpu_idle", "applications_clocks"))
    assert (timing.status, timing.flags, clock.waits) == (Status.OK, (Flag.POWER_CAP,), [])


@pytest.mark.parametrize(("clock_mhz", "flags"), [(1456.0, ()), (1454.0, (Flag.CLOCK_DRIFT,))])
def test_a_clock_that_falls_by_more_than_three_percent_is_flagged(clock_mhz, flags) -> None:
    warm_until = 100.0 + QUICK.warmup_min_s + 0.05
    device = ScriptedDevice(lambda now: FINE if now < warm_until else span(sm_clock_mhz=clock_mhz))
    timing, _, _ = measured(device)
    assert timing.flags == flags


def test_warm_up_waits_for_the_clock_of_the_device() -> None:
    """The times alone have settled from the first window on."""
    rising = ScriptedDevice(lambda now: span(sm_clock_mhz=1000.0 + 500 * min(1.0, now - 100.0)))
    timing, _, _ = measured(rising)
    assert timing.details["warmup_s"] >= 0.9
    assert Flag.WARMUP_UNSETTLED not in timing.flags
    never = ScriptedDevice(lambda now: span(sm_clock_mhz=1000.0 * 1.5 ** (now - 100.0)))
    unsettled, _, _ = measured(never)
    assert Flag.WARMUP_UNSETTLED in unsettled.flags


@pytest.mark.parametrize(
    ("changes", "flag", "status"),
    [
        ({"foreign": (4711,)}, Flag.CONTENDED, Status.CONTENDED),
        ({"isolation": "shared"}, Flag.CONTENDED, Status.CONTENDED),
        ({"isolation": "idle neighbour"}, Flag.FOREIGN_IDLE, Status.OK),
        ({"isolation": "unverified"}, Flag.ISOLATION_UNVERIFIED, Status.OK),
    ],
)
def test_neighbours_on_the_device_are_told(changes, flag, status) -> None:
    timing, protocol, _ = measured(ScriptedDevice(lambda _: span(**changes)))
    assert (timing.flags, timing.status) == ((flag,), status)
    assert timing.details.get("foreign_processes", []) == list(changes.get("foreign", ()))
    assert bool(protocol.message) == (status is Status.CONTENDED)


def test_a_device_that_tells_nothing_leaves_out_what_it_does_not_tell() -> None:
    timing, _, _ = measured(ScriptedDevice(lambda _: DeviceSpan(isolation="alone")))
    assert timing.status is Status.OK
    assert not {"sm_clock_mhz", "cycles", "power_w", "temperature_c"} & timing.details.keys()


def test_the_worst_status_of_a_job_stays() -> None:
    protocol = protocol_of(clean(), QUICK, hot("hw_slowdown", end_s=101.0))
    protocol.measure(lambda: None)
    assert protocol.status is Status.THROTTLED
    protocol.clock.now = 150.0
    protocol.started_s = 150.0
    assert protocol.measure(lambda: None).status is Status.OK
    assert protocol.status is Status.THROTTLED
    assert protocol.message


@pytest.mark.parametrize("preset", ["quick", "standard", "strict"])
@pytest.mark.parametrize("stream", ["quiet", "noisy"])
@pytest.mark.parametrize("share", [0.0, 0.15, 0.3, 0.45, 0.6])
@pytest.mark.parametrize("lasts_s", [0.3, math.inf])
def test_a_slowdown_at_any_time_of_sampling_is_flagged(
    preset: str, stream: str, share: float, lasts_s: float
) -> None:
    """R10: whether it passes or stays; finite figures; no more than 1.5 of its time."""
    spread = 0.2 if stream == "noisy" else 0.0

    def job(watch: DeviceWatch | None = None) -> Protocol:
        script = ((2e-3 * (1 + spread * (7 * step % 11)), Disturbance.NONE) for step in count())
        protocol = protocol_of(script, find_preset(preset), watch)
        protocol.started_s -= BUILT_S
        return protocol

    def spent_s(protocol: Protocol) -> float:
        return protocol.clock() - protocol.started_s

    undisturbed = job()
    undisturbed.measure(lambda: None)
    at_s = share * (undisturbed.clock() - 100.0 - undisturbed.preset.warmup_min_s)
    begun: list[float] = []

    def tell(now: float) -> DeviceSpan:
        if len(protocol.timer.estimates) == 2:  # warm-up has calibrated at its end
            begun.append(now)
        is_hot = begun and begun[0] + at_s <= now < begun[0] + at_s + lasts_s
        return span(events=frozenset({"hw_thermal_slowdown"})) if is_hot else FINE

    protocol = job(ScriptedDevice(tell))
    timing = protocol.measure(lambda: None)
    assert spent_s(protocol) <= 1.5 * spent_s(undisturbed)
    assert Flag.THERMAL in timing.flags
    assert (timing.status is Status.THROTTLED) == (lasts_s == math.inf)
    assert len(timing.samples) >= protocol.preset.samples_min
    assert all(math.isfinite(sample) for sample in timing.samples)


def test_another_timer_may_be_named() -> None:
    protocol = protocol_of(clean(2e-3))
    other = protocol_of(repeat((5e-3, Disturbance.NONE)))
    other.timer.clock = protocol.clock
    assert set(protocol.measure(lambda: None, other.timer).samples) == {5e-3}
    assert set(protocol.measure(lambda: None).samples) == {2e-3}
