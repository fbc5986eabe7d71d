"""Energy of one image, from a counter read over windows of seconds, caches warm."""

from functools import cache, partial

from pydantic import JsonValue

from sabench.errors import DeviceError
from sabench.measure.board_energy import open_board
from sabench.measure.energy import LATEST, Meter
from sabench.measure.energy_state import Energy, Validity, Window
from sabench.measure.execution import Execution
from sabench.measure.powercap import open_packages
from sabench.measure.protocol import Protocol
from sabench.measure.subject import Subject
from sabench.measure.watching import own_pid_on
from sabench.records import Reading
from sabench.stats import quantile


def measure(subject: Subject, execution: Execution, protocol: Protocol) -> dict[str, Reading]:
    """Joules per image and mean power, or why they cannot be told."""
    preset, batch = protocol.preset, subject.case.batch
    if not preset.energy_windows:
        reason = f"preset {preset.name} reads no energy; --preset standard"
        return readings(Energy.absent(Validity.UNAVAILABLE, reason), batch)
    meter = meter_of(subject.device)
    if isinstance(meter, str):
        return readings(Energy.absent(Validity.UNAVAILABLE, meter), batch)
    left_s = LATEST * preset.deadline_s - (protocol.clock() - protocol.started_s)
    energy = meter.measure(execution.call, _synchronise(subject.device), preset, left_s)
    return readings(energy, batch, meter)


@cache
def meter_of(device: str) -> Meter | str:
    """The device's counter, opened once in a process; or why there is none."""
    try:
        if device == "cpu":
            return Meter(open_packages())
        return Meter(open_board(device, own_pid_on(device)))
    except DeviceError as error:
        return str(error)


def _synchronise(device: str) -> partial[None]:
    if device == "cpu":
        return partial(_nothing)
    import torch

    return partial(torch.cuda.synchronize, device)


def _nothing() -> None:
    """A call on the CPU has ended when it returns."""


def readings(energy: Energy, batch: int, meter: Meter | None = None) -> dict[str, Reading]:
    """Each figure with its validity, or the reason why there is none."""
    validity: dict[str, JsonValue] = {"validity": energy.validity.value}
    if energy.reason:
        absent = partial(
            Reading.absent, reason=energy.reason, flags=energy.flags, details={**validity}
        )
        return {"energy": absent("J"), "energy_net": absent("J"), "power": absent("W")}
    told = _told(energy, batch, meter)
    joules = [one.joules / (one.calls * batch) for one in energy.windows]
    power = [one.joules / one.seconds for one in energy.windows]
    return {
        "energy": Reading.of("J", joules, flags=energy.flags, details=validity | told),
        "energy_net": _net(energy, batch, validity),
        "power": Reading.of("W", power, flags=energy.flags, details=validity),
    }


def _net(energy: Energy, batch: int, validity: dict[str, JsonValue]) -> Reading:
    """What the calls took beyond what the device draws at rest."""
    idle_w = energy.idle_w
    net = [(one.joules - idle_w * one.seconds) / (one.calls * batch) for one in energy.windows]
    if min(net) <= 0:
        reason = f"the device drew no more than idle, {idle_w:.3g} W, in a window"
        return Reading.absent("J", reason, details={"validity": Validity.UNAVAILABLE.value})
    return Reading.of("J", net, flags=energy.flags, details=validity | {"idle_w": idle_w})


def _told(energy: Energy, batch: int, meter: Meter | None) -> dict[str, JsonValue]:
    """How the figure came about, and the second reading beside it."""
    integrals = [
        one.integral_j / (one.calls * batch) for one in energy.windows if one.integral_j is not None
    ]
    return {
        "source": meter.counter.source if meter else "",
        "device": {**meter.counter.facts()} if meter else {},
        "cache": "warm",
        "update_period_s": energy.period_s,
        "idle_w": energy.idle_w,
        "shared_with": energy.others,
        "integrated_j": quantile(integrals, 0.5) if integrals else None,
        "integrated_reason": energy.power_reason,
        "windows": [_window(one) for one in energy.windows],
    }


def _window(window: Window) -> dict[str, JsonValue]:
    return {
        "calls": window.calls,
        "seconds": window.seconds,
        "counter_j": window.joules,
        "integrated_j": window.integral_j,
        "before_c": window.before_c,
        "after_c": window.after_c,
    }
