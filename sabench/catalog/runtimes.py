"""The runtimes: how a case is executed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sabench.catalog.metrics import Metric
from sabench.catalog.rows import Kind, Row, load_target, unmet


@dataclass(frozen=True, slots=True)
class Runtime(Row):
    """One way to execute a module. `target` is "module:function": prepare(subject) -> Execution.

    `subject` builds what is executed. `instead` names, for a metric's function, the one that
    answers in its place. `device`: the only kind it runs on, if any does not do.
    """

    title: str
    subject: str = "sabench.measure.building:build_subject"
    instead: Mapping[str, str] = field(default_factory=dict)
    for_tests: bool = False  # refused, and not listed, anywhere else
    device: Kind = ""

    def needs(self, kind: str) -> str:
        """What it needs that this kind of device is not; empty where it can do it."""
        return unmet(f"runtime={self.name}", self.device, kind)

    def build(self, job: object) -> Any:
        """The subject of a job."""
        return load_target(self.subject)(job)

    def measure(self, metric: Metric) -> Any:
        """The function that measures a metric under this runtime."""
        other = self.instead.get(metric.target)
        return load_target(other) if other else metric.load()


_METRICS, _FAKE = "sabench.measure.metrics", "sabench.measure.fake_metrics"


RUNTIMES: dict[str, Runtime] = {
    row.name: row
    for row in (
        Runtime("eager", "sabench.measure.runtimes.eager:prepare", "as PyTorch runs it"),
        Runtime(
            "folded",
            "sabench.measure.runtimes.folded:prepare",
            "eager, batch norms folded into the convolutions before them; mode forward alone",
        ),
        Runtime("compiled", "sabench.measure.runtimes.compiled:prepare", "torch.compile, defaults"),
        Runtime(
            "cudagraph",
            "sabench.measure.runtimes.cudagraph:prepare",
            "a CUDA graph, replayed",
            device="cuda",
        ),
        Runtime(
            "fake",
            "sabench.measure.runtimes.fake:prepare",
            "a script's made-up figures, refused outside tests",
            for_tests=True,
            subject="sabench.measure.fake_subject:build_subject",
            instead={
                f"{_METRICS}.counts:measure": f"{_FAKE}:counts",
                f"{_METRICS}.counts:counters": f"{_FAKE}:counters",
                f"{_METRICS}.operators:measure": f"{_FAKE}:operators",
                f"{_METRICS}.memory:measure": f"{_FAKE}:memory",
                f"{_METRICS}.resident:measure": f"{_FAKE}:resident",
                f"{_METRICS}.energy:measure": f"{_FAKE}:energy",
                f"{_METRICS}.floor:measure": f"{_FAKE}:floor",
            },
        ),
    )
}
