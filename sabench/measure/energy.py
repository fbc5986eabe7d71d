"""Energy of one call, from a counter of joules over windows of seconds, and how far to trust it.

A counter moves every 20 to 100 ms, so a window holds at least twenty of its steps; a figure is the
median of several windows. Torch-free, device-free: what is read and run is given.
"""

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from sabench.catalog.presets import Preset
from sabench.errors import DeviceError
from sabench.measure.energy_state import (
    FLAG_OF,
    STOOD_STILL,
    Energy,
    InvalidError,
    Validity,
    Window,
    changes,
    check_step,
    flags_of,
    integral,
)
from sabench.measure.periodic import Periodic

POLL_S = 1.0  # how long the counter's steps are counted
POLL_EVERY_S = 1e-3
STEPS = 20  # of the counter, in a window at least
MARGIN = 1.1  # a window's length over what is asked: calls may get faster
FIRST_S, WARM_S, WARM_ROUNDS = 0.1, 1.0, 3  # load before a window: 1 to 3 s
IDLE_S = 5.0
POWER_PERIOD_S = 0.05
LEAST_CALL_S = 1e-7  # Python calls nothing faster
LATEST = 0.9  # of the case's deadline: nothing is begun that would end later


class EnergyCounter(Protocol):
    """A device's counter of joules and what stands beside it."""

    @property
    def source(self) -> str:
        """What is read, in words."""
        ...

    def joules(self) -> float:
        """The counter now.

        Raises: DeviceError if it cannot be read.
        """
        ...

    def power_w(self) -> float | None:
        """Power now; None where it is not told."""
        ...

    def temperature_c(self) -> float | None:
        """Temperature now; None where it is not told."""
        ...

    def watch(self) -> None:
        """Begin to look for others."""
        ...

    def others(self) -> str:
        """Whose work the counter covers beside ours since then, in words; "" if nobody's."""
        ...

    def facts(self) -> dict[str, str]:
        """What the record keeps of the device: the power limit, the zones."""
        ...


PowerLog = Callable[[Callable[[], float | None]], AbstractContextManager[Periodic[float]]]


@dataclass(slots=True)
class Meter:
    """A counter, and what was learnt of it in this process: how often it steps, idle power."""

    counter: EnergyCounter
    clock: Callable[[], float] = time.perf_counter
    sleep: Callable[[float], None] = time.sleep
    log_power: PowerLog = field(default_factory=lambda: partial(Periodic, period_s=POWER_PERIOD_S))
    period_s: float | None = None
    idle_w: float | None = None

    def measure(
        self,
        call: Callable[[], object],
        synchronise: Callable[[], object],
        preset: Preset,
        left_s: float = math.inf,
    ) -> Energy:
        """The windows of a preset over calls, if they fit into `left_s`. Never raises a fault of
        the counter's: it is the validity."""
        try:
            return self._measure(call, synchronise, preset, left_s)
        except InvalidError as error:
            return Energy.absent(Validity.INVALID, f"{self.counter.source}: {error}")
        except DeviceError as error:
            return Energy.absent(Validity.UNAVAILABLE, str(error))

    def _measure(
        self,
        call: Callable[[], object],
        synchronise: Callable[[], object],
        preset: Preset,
        left_s: float,
    ) -> Energy:
        synchronise()
        began = self.clock()
        period_s = self._period()
        window_s = max(preset.energy_window_s, STEPS * period_s)
        left_s -= self.clock() - began
        load = partial(self._load, call, synchronise)
        call_s = load(1)
        wanted = needed_s(preset, window_s, call_s, knows_idle=self.idle_w is not None)
        if wanted > left_s:
            reason = f"the windows take {wanted:.0f} s and the deadline leaves {left_s:.0f} s"
            return Energy.absent(Validity.UNAVAILABLE, reason)
        self.counter.watch()
        call_s = self._warm(load, call_s)
        calls = math.ceil(MARGIN * window_s / call_s)
        windows, others, power_reason = [], "", ""
        for number in range(preset.energy_windows):
            if number and preset.energy_idle_s:
                self.sleep(preset.energy_idle_s)
                self._warm(load, call_s)
            window, power_reason = self._window(load, calls)
            windows.append(window)
            others = self.counter.others() or others
        if self.idle_w is None:
            self.idle_w = self._idle()
        flags = flags_of(windows, others)
        worst = next((v for v, flag in FLAG_OF.items() if flag in flags), Validity.VALID)
        return Energy(
            worst,
            flags,
            windows=tuple(windows),
            period_s=period_s,
            idle_w=self.idle_w,
            others=others,
            power_reason=power_reason,
        )

    def _period(self) -> float:
        """Seconds between two steps of the counter, counted once.

        Raises: InvalidError if it does not step, or not forward.
        """
        if self.period_s is None:
            start = self.clock()
            first = last = self._joules()
            steps = 0
            while self.clock() - start < POLL_S:
                self.sleep(POLL_EVERY_S)
                now = self._joules()
                if now < last:
                    raise InvalidError("the counter ran backwards")
                steps += now > last
                last = now
            if not steps:
                raise InvalidError("the counter stands at zero" if not first else STOOD_STILL)
            self.period_s = (self.clock() - start) / steps
        return self.period_s

    def _load(self, call: Callable[[], object], synchronise: Callable[[], object], n: int) -> float:
        """Seconds of one of n calls, the device idle before and after."""
        start = self.clock()
        for _ in range(n):
            call()
        synchronise()
        return max((self.clock() - start) / n, LEAST_CALL_S)

    def _warm(self, load: Callable[[int], float], call_s: float) -> float:
        """Load until a second of it leaves the temperature where it was.

        Seconds of one call, the least that was seen: a disturbed load would shorten the windows.
        """
        call_s = load(_calls(FIRST_S, call_s))
        for _ in range(WARM_ROUNDS):
            before = self._temperature()
            call_s = min(call_s, load(_calls(WARM_S, call_s)))
            if not changes(before, self._temperature()):
                break
        return call_s

    def _window(self, load: Callable[[int], float], calls: int) -> tuple[Window, str]:
        """One window, and why its power is not known.

        Raises: InvalidError for joules that no device draws.
        """
        before_c = self._temperature()
        with self.log_power(self.counter.power_w) as power:
            joules, start = self._joules(), self.clock()
            load(calls)
            joules, end = self._joules() - joules, self.clock()
        after_c = self._temperature()
        check_step(joules, end - start)
        integral_j = integral(power.taken, start, end)
        reason = power.reason or ("" if integral_j is not None else "no power is told")
        return Window(calls, end - start, joules, integral_j, before_c, after_c), reason

    def _idle(self) -> float:
        """Mean power of the device doing nothing, its clocks as the load left them."""
        joules, start = self._joules(), self.clock()
        self.sleep(IDLE_S)
        joules, seconds = self._joules() - joules, self.clock() - start
        check_step(joules, seconds)
        return joules / seconds

    def _temperature(self) -> float | None:
        told = self.counter.temperature_c()
        return told if told is not None and math.isfinite(told) else None

    def _joules(self) -> float:
        joules = self.counter.joules()
        if not math.isfinite(joules):
            raise InvalidError("the counter tells no number")
        return joules


def needed_s(preset: Preset, window_s: float, call_s: float, *, knows_idle: bool) -> float:
    """Seconds that the windows, the load before them and the idle reading take at most."""
    windows = preset.energy_windows
    loads = windows if preset.energy_idle_s else 1
    warm_s = max(FIRST_S, call_s) + WARM_ROUNDS * max(WARM_S, call_s)
    idle_s = (windows - 1) * preset.energy_idle_s + (0.0 if knows_idle else IDLE_S)
    return windows * max(MARGIN * window_s, call_s) + loads * warm_s + idle_s


def _calls(seconds: float, call_s: float) -> int:
    return max(1, math.ceil(seconds / call_s))
