"""A device on a clock of its own: calls take time and joules, its counter moves in steps."""

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sabench.errors import DeviceError
from sabench.measure.energy import Meter
from sabench.measure.periodic import Periodic

CALL_S, LOAD_W, IDLE_W = 2e-3, 300.0, 100.0


@dataclass
class Bench:
    """`spoil(now, joules)` is what the counter tells instead; `degrees(now)` its temperature."""

    call_s: float = CALL_S
    load_w: float = LOAD_W
    idle_w: float = IDLE_W
    step_s: float = 0.01  # between two moves of the counter
    sensor: float = 1.0  # what the power sensor tells over what is drawn; NaN, None: it tells none
    start_j: float = 5000.0
    spoil: Callable[[float, float], float] = lambda now, joules: joules
    degrees: Callable[[float], float | None] = lambda now: 60.0
    other: str = ""
    other_until: float = float("inf")
    lost_at: float = float("inf")
    now: float = 0.0
    drawn_j: float = 0.0
    shown_j: float = 0.0
    steps: int = 0
    log: list[str] = field(default_factory=list)
    source: str = "a counter"

    def meter(self) -> Meter:
        return Meter(self, lambda: self.now, self.sleep, self.log_power)

    def spend(self, seconds: float, watts: float) -> None:
        """Let time pass. The counter takes over what was drawn at each of its steps."""
        end = self.now + seconds
        while (step := (self.steps + 1) * self.step_s) <= end + 1e-9:
            self.drawn_j += (step - self.now) * watts
            self.now, self.shown_j, self.steps = step, self.drawn_j, self.steps + 1
        self.drawn_j += (end - self.now) * watts
        self.now = end

    def call(self) -> None:
        self.spend(self.call_s, self.load_w)
        self.log.append("call")

    def synchronise(self) -> None:
        self.log.append("synchronise")

    def sleep(self, seconds: float) -> None:
        self.spend(seconds, self.idle_w)

    def joules(self) -> float:
        if self.now >= self.lost_at:
            raise DeviceError("NVML: GPU is lost")
        self.log.append("joules")
        return self.spoil(self.now, self.start_j + self.shown_j)

    def power_w(self) -> float | None:
        return None if self.sensor is None else self.load_w * self.sensor

    def temperature_c(self) -> float | None:
        return self.degrees(self.now)

    def watch(self) -> None:
        self.log.append("watch")

    def others(self) -> str:
        assert "watch" in self.log, "others are looked for since never"
        return self.other if self.other_until > self.now else ""

    def facts(self) -> dict[str, str]:
        return {"power_limit_w": "700.0"}

    @contextmanager
    def log_power(self, read: Callable[[], float | None]) -> Any:
        """Power every 50 ms while the block runs, entered when it ends."""
        log: Periodic[float] = Periodic(read, 0.05)
        start = self.now
        yield log
        watts = read()
        if watts is not None:
            log.taken += [(start + 0.05 * n, watts) for n in range(int((self.now - start) / 0.05))]
