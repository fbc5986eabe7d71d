"""Metrics of the fake runtime that are neither timed nor measured: from the closed form, or told.

Each stands in for the function that measures the real thing, and answers for the same metrics.
"""

from dataclasses import dataclass
from functools import partial

from sabench.cases.cost import case_cost
from sabench.catalog.metrics import METRICS
from sabench.measure.energy import Meter
from sabench.measure.execution import Execution
from sabench.measure.fake_bench import FakeClock, FakeTimer
from sabench.measure.fake_script import ScriptedEnergy
from sabench.measure.metrics.energy import readings
from sabench.measure.periodic import Periodic
from sabench.measure.protocol import Protocol
from sabench.measure.subject import Subject
from sabench.records import Reading

REASON = "runtime fake builds no module"
STEP_S = 0.02  # how often the scripted counter moves
ONLY_AT_THE_ENDS_S = 3600.0  # a thread that reads in between would read at real moments
CLOSED_FORM = ("params", "macs", "macs_executed", "flops")


def counts(subject: Subject, execution: Execution, protocol: Protocol) -> dict[str, Reading]:
    """The closed form."""
    cost = case_cost(subject.case)
    found = _absent("params")
    if cost is not None:
        values = (cost.params, cost.macs, cost.macs_executed, 2 * cost.macs)
        for name, value in zip(CLOSED_FORM, values, strict=True):
            found[name] = Reading.of(METRICS[name].unit, [value])
    return found


def counters(subject: Subject, execution: Execution, protocol: Protocol) -> dict[str, Reading]:
    """None has anything to trace."""
    return _absent("macs_fvcore")


def operators(subject: Subject, execution: Execution, protocol: Protocol) -> dict[str, Reading]:
    """None is called."""
    return _absent("operator_calls")


def memory(subject: Subject, execution: Execution, protocol: Protocol) -> dict[str, Reading]:
    """None was allocated."""
    return _absent("peak_allocated")


def resident(subject: Subject, execution: Execution, protocol: Protocol) -> dict[str, Reading]:
    """None was allocated."""
    return _absent("peak_rss_growth")


def floor(subject: Subject, execution: Execution, protocol: Protocol) -> dict[str, Reading]:
    """No device has ceilings here."""
    return _absent("floor")


def energy(subject: Subject, execution: Execution, protocol: Protocol) -> dict[str, Reading]:
    """The real windows over a scripted counter, as long as the scripted clock says."""
    timer, preset = protocol.timer, protocol.preset
    if not isinstance(timer, FakeTimer) or timer.rule.energy is None or not preset.energy_windows:
        return _absent("energy")
    clock = timer.clock
    meter = Meter(
        ScriptedCounter(timer.rule.energy, clock),
        clock,
        clock.advance,
        partial(Periodic, period_s=ONLY_AT_THE_ENDS_S, clock=clock),
    )
    found = meter.measure(lambda: timer.once(_nothing), _nothing, preset)
    return readings(found, subject.case.batch, meter)


@dataclass(frozen=True, slots=True)
class ScriptedCounter:
    """A counter of joules that follows the scripted clock."""

    script: ScriptedEnergy
    clock: FakeClock
    source: str = "a script"

    def joules(self) -> float:
        """So much power since the clock began, in steps; or what a broken counter tells."""
        told = self.script.power_w * STEP_S * int(self.clock() / STEP_S)
        match self.script.counter:
            case "steady":
                return told
            case "frozen":
                return 1000.0
            case "zero":
                return 0.0
            case "backwards":
                return 1e6 - told

    def power_w(self) -> float:
        """What the sensor is said to tell."""
        told = self.script.sensor_w
        return self.script.power_w if told is None else told

    def temperature_c(self) -> float | None:
        """Not told."""
        return None

    def watch(self) -> None:
        """There is nobody to look for."""

    def others(self) -> str:
        """What the script says."""
        return self.script.others

    def facts(self) -> dict[str, str]:
        """That nothing of it is true."""
        return {"made_up": "true"}


def _nothing() -> None:
    """What a scripted call does."""


def _absent(one: str) -> dict[str, Reading]:
    """Every metric that is measured together with this one."""
    target = METRICS[one].target
    return {
        name: Reading.absent(metric.unit, REASON)
        for name, metric in METRICS.items()
        if metric.target == target
    }
