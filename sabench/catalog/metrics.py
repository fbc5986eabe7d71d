"""The metrics: unit, which way is better, how to show it, where it runs."""

from dataclasses import dataclass
from typing import Any, Literal

from sabench.catalog.rows import load_target

Show = Literal["time", "count", "bytes", "rate", "number"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One named reading. Metrics that one function measures together share a `target`.

    `target` is "module:function": measure(subject, runtime, protocol) -> dict[str, Reading].
    `apart`: wants a process of its own per case, where the preset grants one.
    """

    name: str
    unit: str
    better: Literal["less", "more", "neither"]
    show: Show
    title: str
    target: str
    apart: bool = False

    def load(self) -> Any:
        """The function that `target` names."""
        return load_target(self.target)


_COUNTS = "sabench.measure.metrics.counts:measure"
_LATENCY = "sabench.measure.metrics.latency:measure"
_MEMORY = "sabench.measure.metrics.memory:measure"
_RESIDENT = "sabench.measure.metrics.resident:measure"

METRICS: dict[str, Metric] = {
    row.name: row
    for row in (
        Metric("params", "1", "less", "count", "parameters", _COUNTS),
        Metric("params_trainable", "1", "less", "count", "trainable parameters", _COUNTS),
        Metric("macs", "MAC", "less", "count", "multiply-accumulates by definition", _COUNTS),
        Metric("macs_executed", "MAC", "less", "count", "MACs this implementation does", _COUNTS),
        Metric("flops", "FLOP", "less", "count", "2 x macs", _COUNTS),
        Metric("macs_flop_counter", "MAC", "neither", "count", "torch FlopCounterMode", _COUNTS),
        Metric("macs_fvcore", "MAC", "neither", "count", "fvcore", _COUNTS),
        Metric("macs_ptflops", "MAC", "neither", "count", "ptflops", _COUNTS),
        Metric("latency", "s", "less", "time", "time of one call, warm", _LATENCY),
        Metric("throughput", "1/s", "more", "rate", "images per second", _LATENCY),
        Metric("build_time", "s", "less", "time", "time to build the module", _LATENCY),
        Metric("compile_time", "s", "less", "time", "time to compile", _LATENCY),
        Metric("first_call", "s", "less", "time", "time of the first call", _LATENCY),
        Metric("peak_allocated", "B", "less", "bytes", "torch's peak allocated bytes", _MEMORY),
        Metric("peak_reserved", "B", "less", "bytes", "torch's peak reserved bytes", _MEMORY),
        Metric("process_memory", "B", "less", "bytes", "device memory of the process", _MEMORY),
        Metric(
            "peak_rss_growth", "B", "less", "bytes", "growth of peak RSS", _RESIDENT, apart=True
        ),
    )
}
