"""Metrics of the fake runtime that are neither timed nor measured: from the closed form, or told.

Each stands in for the function that measures the real thing, and answers for the same metrics.
"""

from sabench.cases.cost import case_cost
from sabench.catalog.metrics import METRICS
from sabench.measure.execution import Execution
from sabench.measure.protocol import Protocol
from sabench.measure.subject import Subject
from sabench.records import Reading

REASON = "runtime fake builds no module"
CLOSED_FORM = ("params", "macs", "macs_executed", "flops")


def counts(subject: Subject, execution: Execution, protocol: Protocol) -> dict[str, Reading]:
    """The closed form; no counter has anything to trace."""
    cost = case_cost(subject.case)
    found = _absent("params")
    if cost is not None:
        values = (cost.params, cost.macs, cost.macs_executed, 2 * cost.macs)
        for name, value in zip(CLOSED_FORM, values, strict=True):
            found[name] = Reading.of(METRICS[name].unit, [value])
    return found


def memory(subject: Subject, execution: Execution, protocol: Protocol) -> dict[str, Reading]:
    """None was allocated."""
    return _absent("peak_allocated")


def resident(subject: Subject, execution: Execution, protocol: Protocol) -> dict[str, Reading]:
    """None was allocated."""
    return _absent("peak_rss_growth")


def energy(subject: Subject, execution: Execution, protocol: Protocol) -> dict[str, Reading]:
    """None was spent."""
    return _absent("energy")


def _absent(one: str) -> dict[str, Reading]:
    """Every metric that is measured together with this one."""
    target = METRICS[one].target
    return {
        name: Reading.absent(metric.unit, REASON)
        for name, metric in METRICS.items()
        if metric.target == target
    }
