"""The metrics: unit, which way is better, how to show it, where it runs."""

from dataclasses import dataclass
from typing import Any, Literal

from sabench.catalog.rows import load_target
from sabench.catalog.scores import ASKED, Asked

Show = Literal["time", "count", "bytes", "rate", "number", "share", "energy", "power"]
Of = Literal["profile", "train", "score"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One named reading. Metrics that one function measures together share a `target`.

    `target` is "module:function": measure(subject, execution, protocol) -> dict[str, Reading].
    `of`: the command that reads it; `target` is then the job that reads them all together.
    `apart`: has a process of its own per case, and none where the preset grants no such.
    `apart_on`: the kind of device on which it has one if the preset grants it; else it has none.
    `traces`: runs the module under watch, so it comes after everything that is timed.
    `follows`: so does this: it works the device by other calls than the case's.
    `needs`: the kind of device without which there is no such figure.
    `takes_room`: uses memory beside the case's own; where none is left it costs this figure alone.
    `exact`: the same work gives the same figure to the last unit; a gate holds it so.
    """

    name: str
    unit: str
    better: Literal["less", "more", "neither"]
    show: Show
    title: str
    target: str
    apart: bool = False
    apart_on: Literal["", "cuda"] = ""
    traces: bool = False
    follows: bool = False
    needs: Literal["", "cuda"] = ""
    takes_room: bool = False
    exact: bool = False
    of: Of = "profile"

    def is_apart(self, device: str) -> bool:
        """Whether it is measured in a process of its own on that device, if one is granted."""
        return self.apart or bool(self.apart_on and device.startswith(self.apart_on))

    def load(self) -> Any:
        """The function that `target` names."""
        return load_target(self.target)


_COUNTS = "sabench.measure.metrics.counts:measure"
_COUNTERS = "sabench.measure.metrics.counts:counters"
_LATENCY = "sabench.measure.metrics.latency:measure"
_COMPILATION = "sabench.measure.metrics.compilation:measure"
_OPERATORS = "sabench.measure.metrics.operators:measure"
_COLD = "sabench.measure.metrics.cold:measure"
_GRAPH = "sabench.measure.metrics.graph:measure"
_MEMORY = "sabench.measure.metrics.memory:measure"
_RESIDENT = "sabench.measure.metrics.resident:measure"
_ENERGY = "sabench.measure.metrics.energy:measure"
_FLOOR = "sabench.measure.metrics.floor:measure"
_TRAINING = "sabench.train.job:run_training"
_SCORES = "sabench.train.scores.job:run_scores"


def _count(name: str, unit: str, title: str) -> Metric:
    return Metric(name, unit, "less", "count", title, _COUNTS, traces=True, exact=True)


def _counter(name: str, title: str) -> Metric:
    return Metric(name, "MAC", "neither", "count", title, _COUNTERS, traces=True)


def _compiled(name: str, title: str) -> Metric:
    return Metric(name, "1", "less", "number", title, _COMPILATION, traces=True, exact=True)


def _memory(name: str, title: str, *, exact: bool = False) -> Metric:
    return Metric(name, "B", "less", "bytes", title, _MEMORY, apart_on="cuda", exact=exact)


def _floor(name: str, title: str) -> Metric:
    return Metric(name, "s", "neither", "time", title, _FLOOR, takes_room=True, follows=True)


def _trained(
    name: str, unit: str, better: Literal["less", "more"], show: Show, title: str
) -> Metric:
    return Metric(name, unit, better, show, title, _TRAINING, of="train")


def _scored(one: Asked) -> Metric:
    return Metric(one.name, "1", one.score.better, "number", one.title, _SCORES, of="score")


METRICS: dict[str, Metric] = {
    row.name: row
    for row in (
        _count("params", "1", "parameters"),
        _count("params_trainable", "1", "trainable parameters"),
        _count("macs", "MAC", "multiply-accumulates by definition"),
        _count("macs_executed", "MAC", "MACs this implementation does"),
        _count("flops", "FLOP", "2 x macs"),
        _counter("macs_flop_counter", "torch FlopCounterMode"),
        _counter("macs_fvcore", "fvcore"),
        _counter("macs_ptflops", "ptflops"),
        Metric("latency_warm", "s", "less", "time", "time of one call, caches warm", _LATENCY),
        Metric(
            *("latency_cold", "s", "less", "time", "time of one call, L2 flushed before it"),
            _COLD,
            needs="cuda",
            takes_room=True,
        ),
        Metric(
            *("latency_graph", "s", "less", "time", "time of one call in a replayed CUDA graph"),
            _GRAPH,
            needs="cuda",
            takes_room=True,
        ),
        Metric(
            *("latency_cycles", "cycle", "less", "count", "latency_warm x the SM's clock"),
            _LATENCY,
        ),
        Metric("host_time", "s", "less", "time", "wall time of call and synchronise", _LATENCY),
        Metric("throughput", "1/s", "more", "rate", "images per second", _LATENCY),
        Metric("build_time", "s", "less", "time", "time to build the module", _LATENCY),
        Metric("compile_time", "s", "less", "time", "time to compile", _LATENCY),
        Metric("first_call", "s", "less", "time", "time of the first call", _LATENCY),
        _compiled("graph_breaks", "breaks in the compiled graph"),
        _compiled("recompiles", "compilations after the first"),
        Metric(
            *("operator_calls", "1", "less", "count", "ATen operators of one call", _OPERATORS),
            traces=True,
            exact=True,
        ),
        _memory("peak_allocated", "torch's peak allocated bytes", exact=True),
        _memory("peak_allocated_cold", "the same in the first call"),
        _memory("peak_reserved", "torch's peak reserved bytes"),
        _memory("process_memory", "device memory of the process"),
        Metric(
            "peak_rss_growth", "B", "less", "bytes", "growth of peak RSS", _RESIDENT, apart=True
        ),
        Metric("energy", "J", "less", "energy", "energy of one image, idle included", _ENERGY),
        Metric("energy_net", "J", "less", "energy", "energy of one image over idle", _ENERGY),
        Metric("power", "W", "neither", "power", "mean power while it runs", _ENERGY),
        _floor("floor", "the least time of one call by the device's measured ceilings"),
        _floor("floor_bytes", "the same of moving maps and parameters alone"),
        _floor("floor_macs", "the same of multiplying alone"),
        _floor("floor_exponentials", "the same of the softmax's exponentials alone"),
        _trained("accuracy", "1", "more", "share", "test accuracy after the last epoch"),
        _trained("accuracy_last", "1", "more", "share", "the same of weights not averaged"),
        _trained("test_loss", "1", "less", "number", "test loss of weights not averaged"),
        _trained("train_loss", "1", "less", "number", "training loss of the last epoch"),
        _trained("epoch_time", "s", "less", "time", "time to learn for one epoch"),
        _trained("train_time", "s", "less", "time", "time to learn, all epochs"),
        _trained("train_throughput", "1/s", "more", "rate", "images learnt from per second"),
        _trained("train_memory", "B", "less", "bytes", "peak memory, over the data"),
        _trained("train_energy", "J", "less", "energy", "energy of the training's steps"),
        *map(_scored, ASKED.values()),
    )
}


def metrics_of(of: Of) -> tuple[str, ...]:
    """The names of all that a command reads; of scores their variants, too."""
    return tuple(name for name, metric in METRICS.items() if metric.of == of)
