"""Are our implementations as fast as they are meant to be? Each demand against runs with its cases.

    python tools/check_kernels.py RUN ... [--device cpu|cuda]

RUN is a run folder or a leaderboard: of the suites `peers`, `plain` and `tune` on a CPU, `kernels`
on CUDA; of `steps` the ratios to ResNet-50's training step are told, and nothing is demanded. Of
each case our fastest implementation is held against the fastest of those that the demand names;
the lower end of the ratio's 95 % interval is what counts. A call that the host queues too slowly
(`host_bound`) counts with its time in a CUDA graph; without one it may be shorter than it was read,
by any factor, and the interval reaches that far. `auto` has to be within 5 % of the fastest of
ours, or not told apart from it. Exit code: 0 every demand that has a case holds, 1 one does not, 4
one is too near its bound to tell, or has no case although its device was asked for, 77 none has a
case.
"""

import argparse
import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sabench.cases.build import setting_of
from sabench.cases.case import Case, Scalar
from sabench.cases.choosing import device_of
from sabench.cases.window import window_seen
from sabench.catalog.choices import FALLBACK
from sabench.catalog.implementations import IMPLEMENTATIONS
from sabench.compare.levels import better_by
from sabench.records import MEASURED, Environment, Flag
from sabench.store.leaderboard import Leaderboard, Row, overlap, read_leaderboard

TIME, GRAPH = "latency_warm", "latency_graph"
MEMORY = {"cpu": "peak_rss_growth", "cuda": "peak_allocated"}
OURS = frozenset(
    name for name, row in IMPLEMENTATIONS.items() if not row.package and name != "reference"
)
PEERS = ("timm", "lucidrains")
AUTO_SLACK = 1.05
RESNET50: tuple[str, dict[str, Scalar]] = ("resnet50", {})
Scalars = tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Demand:
    """Ours is so many times better than the best of `than`, or than the floor where that is empty.

    `where`: what a field or an option of its cases is one of; `window` as the layer sees it.
    """

    least: float
    than: tuple[str, ...]
    device: str
    where: Mapping[str, Scalars] = field(default_factory=dict)
    runtimes: tuple[str, ...] = ("eager",)  # of theirs; ours is eager
    of_memory: bool = False

    def holds_for(self, row: Row, kind: str) -> bool:
        """Whether the row is of one of its cases."""
        return kind == self.device and all(
            _value(row.case, key) in values for key, values in self.where.items()
        )

    @property
    def told(self) -> str:
        """What is demanded, in a line."""
        than = " or ".join(self.than) or "the floor"
        where = ", ".join(f"{key}={'|'.join(map(str, those))}" for key, those in self.where.items())
        what = "memory" if self.of_memory else "time"
        return f"{self.least:.3f} of {than} [{', '.join(self.runtimes)}] in {what}: {where}"


def _value(case: Case, key: str) -> Scalar | None:
    """A field of a case, or an option of it, or how far its layer sees."""
    if key == "window":
        return window_seen(case)
    found: Scalar | None = getattr(case, key) if key in Case.model_fields else case.options.get(key)
    return found


def on_cpu(least: float, *than: str, **where: Scalars) -> Demand:
    """A demand of time on a CPU."""
    return Demand(least, than, "cpu", where)


BOTH: Scalars = ("forward", "forward_backward")
HALO: dict[str, Scalars] = {"subject": ("halo",), "size": (28, 56)}
LOCAL: dict[str, Scalars] = {
    "subject": ("halo", "self_attention"),
    "dtype": ("bf16",),
    "batch": (64,),
}
DEMANDS = (
    on_cpu(1.1, *PEERS, **HALO, channels=(128,), dtype=("fp32",), mode=BOTH),
    on_cpu(1.4, *PEERS, **HALO, channels=(128,), dtype=("bf16",), mode=BOTH),
    on_cpu(0.97, *PEERS, **HALO, channels=(256,), mode=BOTH),
    on_cpu(1.5, "reference", subject=("self_attention",), window=(3, 5, 9, 11)),
    on_cpu(3.0, "reference", subject=("self_attention",), window=(7,)),
    on_cpu(1.05, "reference", subject=("augmented",), size=(14,)),
    on_cpu(1.4, "reference", subject=("augmented",), size=(28,)),
    on_cpu(0.95, "timm", subject=("global_attention",)),
    Demand(
        1 / 0.6, ("timm",), "cpu",
        {"subject": ("halo",), "size": (56,), "mode": ("forward",)}, of_memory=True,
    ),
    Demand(1 / 2, (), "cuda", {**LOCAL, "mode": ("forward",)}),
    Demand(1 / 3, (), "cuda", {**LOCAL, "mode": ("forward_backward",)}),
    Demand(3.0, ("timm",), "cuda", LOCAL),
    Demand(1.5, ("timm",), "cuda", LOCAL, ("compiled",)),
    Demand(1.2, ("flex",), "cuda", LOCAL, ("eager", "compiled")),
    Demand(1 / 0.3, ("timm",), "cuda", LOCAL, of_memory=True),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Found:
    """A ratio, above 1 where ours is better, beside what is demanded of it."""

    what: str
    ratio: float
    low: float
    high: float
    least: float | None  # None where nothing is demanded
    demand: str = ""  # as it tells itself

    @property
    def verdict(self) -> str:
        """Held, not held, not sure, or told where nothing is demanded."""
        if self.least is None:
            return "told"
        return (
            "held"
            if self.low >= self.least
            else "NOT HELD"
            if self.high < self.least
            else "not sure"
        )

    @property
    def line(self) -> str:
        """All of it."""
        told = f"{self.ratio:7.3f} [{self.low:.3f}, {self.high:.3f}]"
        asked = "" if self.least is None else f", at least {self.least:.3f}"
        return f"{self.verdict:8} {told}{asked}: {self.what}"


def main() -> int:
    """Print each ratio with its verdict; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--device", choices=["cpu", "cuda"], help="only what is demanded there")
    asked = parser.parse_args()
    found = [one for path in asked.runs for one in judged(read_leaderboard(path), asked.device)]
    for one in found:
        print(one.line)
    met = {one.demand for one in found}
    absent = [] if met == {""} else [one for one in DEMANDS if one.told not in met]
    absent = [one for one in absent if asked.device in (None, one.device)]
    for demand in absent:
        print(f"no case  {demand.device}, {demand.told}")
    verdicts = [one.verdict for one in found]
    counts = ", ".join(f"{verdicts.count(word)} {word}" for word in dict.fromkeys(verdicts))
    print(f"{counts or 'nothing was held against anything'}; {len(absent)} demands have no case")
    if not found:
        return 77
    if "NOT HELD" in verdicts:
        return 1
    return 4 if "not sure" in verdicts or (asked.device and absent) else 0


def judged(board: Leaderboard, device_kind: str | None = None) -> Iterator[Found]:
    """Every demand that the leaderboard has the cases for, on one kind of device or on all."""
    rivals: dict[tuple[str, str], list[Row]] = {}
    for row in board.rows:
        if row.status in MEASURED:
            plain = {"implementation": "", "runtime": "eager", "layout": "contiguous"}
            key = row.case.model_copy(update=plain).case_id
            rivals.setdefault((row.device, key), []).append(of_the_device(row))
    for (device, _), rows in rivals.items():
        environment = board.environments[device]
        kind = environment.device_kind
        if device_kind not in (None, kind):
            continue
        for demand in DEMANDS:
            if one := held_against(demand, [row for row in rows if demand.holds_for(row, kind)]):
                yield one
        if one := auto_among(rows, environment):
            yield one
    for _, group in board.groups():
        if device_kind in (None, board.environments[group[0].device].device_kind):
            yield from steps_among(group)


def held_against(demand: Demand, rows: Sequence[Row]) -> Found | None:
    """A demand on rows of one case in several implementations; None where a side is absent."""
    metric = MEMORY[demand.device] if demand.of_memory else TIME
    mine = best(in_eager(rows, OURS - {*demand.than}), TIME)
    if mine is None:
        return None
    if not demand.than:
        return of_floor(demand, mine)
    named = [row for row in rows if row.case.implementation in demand.than]
    theirs = [row for row in named if row.case.runtime in demand.runtimes]
    other = best(theirs, metric)
    if other is None or mine.median(metric) is None:
        return None
    found = replace(compared(mine, other, metric, demand.least), demand=demand.told)
    if metric == TIME and any(map(is_hosts, theirs)):  # which may be the fastest of them
        found = replace(found, low=0.0)
    return found


def of_floor(demand: Demand, mine: Row) -> Found | None:
    """How near a row comes to its floor."""
    figure, floor = mine.figures[TIME], mine.floor_s
    if not floor or figure.median is None or figure.low is None or figure.high is None:
        return None
    high = math.inf if is_hosts(mine) else floor / figure.low
    times = (floor / figure.median, floor / figure.high, high)
    what = f"{mine.case_id}{how_timed(mine)} against its floor"
    return Found(what, *times, demand.least, demand.told)


def auto_among(rows: Sequence[Row], environment: Environment) -> Found | None:
    """What `auto` is here against the fastest of ours; those not told apart are as fast."""
    ours = in_eager(rows, OURS)
    fastest = best(ours, TIME)
    if fastest is None or len(ours) < 2:
        return None
    choice = device_of(environment).choice(setting_of(fastest.case))
    name = choice.implementation if choice else FALLBACK
    chosen = next((row for row in ours if row.case.implementation == name), None)
    if chosen is None or chosen is fastest:
        return None
    least = None if overlap(chosen, fastest, TIME) else 1 / AUTO_SLACK
    return compared(chosen, fastest, TIME, least, "auto: ")


def steps_among(rows: Sequence[Row]) -> Iterator[Found]:
    """Training steps of one group: the time of ResNet-50's over that of each other network's."""
    steps = [row for row in rows if row.case.mode == "step" and row.status in MEASURED]
    plain = next((row for row in steps if (row.case.subject, row.case.options) == RESNET50), None)
    if plain:
        base, others = of_the_device(plain), [row for row in steps if row is not plain]
        yield from (compared(of_the_device(row), base, TIME, None) for row in others)


def compared(mine: Row, other: Row, metric: str, least: float | None, head: str = "") -> Found:
    """How many times better `mine` is; memory that was read once is what was read."""
    effect = better_by(mine, other, metric)
    once = metric != TIME and effect.error is None
    half = 0.0 if once else effect.half_width_at(0.95)
    low, high = (math.exp(effect.change - half), math.exp(effect.change + half))
    same = mine.case.subject == other.case.subject
    how = f"{other.case.implementation}.{other.case.runtime}" if same else other.case_id
    ours, theirs = ("", "") if metric != TIME else (how_timed(mine), how_timed(other))
    if metric == TIME:
        low, high = (0.0 if is_hosts(other) else low), (math.inf if is_hosts(mine) else high)
    what = f"{head}{mine.case_id}{ours} against {how}{theirs}, {metric}"
    return Found(what, effect.ratio, low, high, least)


def is_host_bound(row: Row) -> bool:
    """Whether the host queued its calls too slowly to keep the device busy."""
    return TIME in row.figures and Flag.HOST_BOUND in row.figures[TIME].flags


def is_hosts(row: Row) -> bool:
    """Whether it is host-bound and nothing tells the device's time alone."""
    return is_host_bound(row) and row.median(GRAPH) is None


def how_timed(row: Row) -> str:
    """Beside a case, where its time is not that of a stream that is kept full."""
    if not is_host_bound(row):
        return ""
    return " [host-bound, no graph]" if is_hosts(row) else " [in a graph]"


def of_the_device(row: Row) -> Row:
    """The row, its time that of a call in a replayed graph where it is host-bound and has one."""
    if not is_host_bound(row) or is_hosts(row):
        return row
    time = row.figures[GRAPH].model_copy(update={"flags": row.figures[TIME].flags})
    return row.model_copy(update={"figures": dict(row.figures) | {TIME: time}})


def in_eager(rows: Iterable[Row], names: frozenset[str]) -> list[Row]:
    """Those of these implementations that ran eagerly."""
    return [row for row in rows if row.case.implementation in names and row.case.runtime == "eager"]


def best(rows: Iterable[Row], metric: str) -> Row | None:
    """The row of the least figure; both metrics are costs."""
    known = [row for row in rows if row.median(metric)]
    return min(known, key=lambda row: row.median(metric) or 0.0, default=None)


if __name__ == "__main__":
    sys.exit(main())
