"""Our medians and spread against torch.utils.benchmark, on six layers on one core of the CPU.

    .venv/bin/python tools/compat/torch_benchmark.py [--turns 10] [--seconds 3] [--cases conv,halo]
    .venv/bin/python tools/compat/torch_benchmark.py --seconds 0.1 --tries 40 --turns 20

The second is for cores that something unseen shares, now and then.

A turn measures a case in one fresh process by both tools, the same call, one after the other; who
is first alternates. In processes of their own the two differ by what processes differ by, which is
several per cent on a shared machine and no tool's doing. The process is pinned to a core and starts
with a measuring child's variables: one thread, passive wait policy, pinned allocator. torch's tool
gets --seconds in `blocked_autorange`, ours (the protocol and the CPU timer of every job) as much
for warm-up and measuring together. Demands: the geometric mean over cases of the median ratio of a
turn within 1 %, each within 3 %; the spread over turns (interquartile range over median), ours over
theirs, at most 1.1 in geometric mean; no more measuring time for ours.
The call reads its core's speed each ten milliseconds, for both alike. A turn in which something
unseen shared it is taken again in the same process, --tries times at most, and counts only if it
had the core for itself in the end: torch's tool rejects nothing.
Exit code: 0 all held, 1 one did not, 4 the machine did not become quiet, not every turn was begun
--within its minutes, or not every one had its core for itself.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import compress
from pathlib import Path
from statistics import geometric_mean, median
from typing import Any

sys.path.append(str(Path(__file__).resolve().parent.parent))

from quiet import Found, find_quiet

from sabench.cases.case import Case
from sabench.cases.plan import Job, make_jobs
from sabench.catalog.presets import Preset, find_preset
from sabench.launch.core_bests import earlier_best
from sabench.launch.limits import allowed_cores, choose_cores
from sabench.measure.core_speed import CoreSpeed
from sabench.measure.environment import child_variables, environment
from sabench.stats import quantile

SIZES = {
    "squeeze_excite": 128, "conv": 56, "global_attention": 14, "augmented": 14,
    "self_attention": 21, "halo": 28,
}  # fmt: skip
"""64 channels each: a fifth of a millisecond to some ten."""

MEAN_WITHIN, EACH_WITHIN, SPREAD_AT_MOST = 0.01, 0.03, 1.1
LEAST_SPREAD = 1e-4  # below it two spreads are equal
LOOK_NS = 10_000_000  # a reading takes some 30 us
SHARED = "shared"


@dataclass(slots=True)
class Side:
    """One tool's medians of a case, turn by turn, and the seconds it measured for them."""

    medians_s: list[float] = field(default_factory=list)
    measuring_s: list[float] = field(default_factory=list)
    remarks: list[tuple[str, ...]] = field(default_factory=list)

    def add(self, median_s: float, measuring_s: float, *remarks: str) -> None:
        """One turn."""
        self.medians_s.append(median_s)
        self.measuring_s.append(measuring_s)
        self.remarks.append(remarks)

    def keep(self, turns: list[bool]) -> None:
        """These turns alone."""
        for of_turns in (self.medians_s, self.measuring_s, self.remarks):
            of_turns[:] = compress(of_turns, turns)

    @property
    def notes(self) -> list[str]:
        """Every remark once."""
        return sorted({one for told in self.remarks for one in told})

    @property
    def spread(self) -> float:
        """Interquartile range over median, across turns."""
        reach = quantile(self.medians_s, 0.75) - quantile(self.medians_s, 0.25)
        return max(reach / median(self.medians_s), LEAST_SPREAD)


def main() -> int:
    """Take the turns, print a line per case, say what held."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=3.0, help="measuring time of a turn")
    parser.add_argument("--tries", type=int, default=20, help="of a turn, for its core's sake")
    parser.add_argument("--within", type=float, default=60, help="minutes; no turn begins later")
    parser.add_argument("--cases", default=",".join(SIZES))
    parser.add_argument("--patience", type=float, default=20, help="minutes to wait for quiet")
    parser.add_argument("--child", choices=("ours", "theirs"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        print(json.dumps(measure_both(asked.cases, asked.seconds, asked.child, asked.tries)))
        return 0
    if find_quiet(60 * asked.patience) is Found.BUSY:
        return 4
    ours: dict[str, Side] = {}
    theirs: dict[str, Side] = {}
    end, turn = time.monotonic() + 60 * asked.within, 0
    while turn < asked.turns and time.monotonic() < end:
        for name in asked.cases.split(","):
            first = "ours" if turn % 2 else "theirs"
            found = in_a_child(name, asked.seconds, first, asked.tries)
            ours.setdefault(name, Side()).add(*found["ours"])
            theirs.setdefault(name, Side()).add(*found["theirs"])
        turn += 1
        print(f"turn {turn} of {asked.turns} done", file=sys.stderr)
    if not turn:
        return 4
    had_its_core = [kept(ours[name], theirs[name], name) for name in ours]
    all_held = judge(ours, theirs)
    if turn < asked.turns or not all(had_its_core):
        print(f"{turn} of {asked.turns} turns")
        return 4
    return 0 if all_held else 1


def kept(ours: Side, theirs: Side, name: str) -> bool:
    """Leave out the turns that shared their core, if others are left; whether all are."""
    own = [SHARED not in remarks for remarks in ours.remarks]
    if not all(own):
        print(f"{name}: {sum(own)} of {len(own)} turns had their core for themselves")
    if any(own):
        for side in (ours, theirs):
            side.keep(own)
    return all(own)


def judge(ours: dict[str, Side], theirs: dict[str, Side]) -> bool:
    """Print the figures; whether all demands hold."""
    print(
        "case              ours ms   theirs ms  ratio   spread ours  theirs  seconds ours  theirs"
    )
    for name, our in ours.items():
        their = theirs[name]
        our_ms, their_ms = 1e3 * median(our.medians_s), 1e3 * median(their.medians_s)
        print(
            f"{name:<17} {our_ms:<9.4f} {their_ms:<10.4f} "
            f"{ratio(our, their):<7.4f} {our.spread:<12.4f} {their.spread:<7.4f} "
            f"{sum(our.measuring_s):<13.1f} {sum(their.measuring_s):<7.1f}"
            f"{' ' + ', '.join(our.notes) if our.notes else ''}"
        )
    ratios = [ratio(our, theirs[name]) for name, our in ours.items()]
    spread = geometric_mean([our.spread / theirs[name].spread for name, our in ours.items()])
    spent = [sum(sum(one.measuring_s) for one in side.values()) for side in (ours, theirs)]
    worst = max(abs(math.log(one)) for one in ratios)
    return all(
        [
            held("geometric mean of the ratios", geometric_mean(ratios), MEAN_WITHIN),
            held("the ratio furthest from one", math.exp(worst), EACH_WITHIN),
            said(f"spread, ours over theirs: {spread:.3f}", spread <= SPREAD_AT_MOST),
            said(
                f"measuring: ours {spent[0]:.2f} s, theirs {spent[1]:.2f} s", spent[0] <= spent[1]
            ),
        ]
    )


def ratio(ours: Side, theirs: Side) -> float:
    """The median over turns of what one process read by both."""
    return median(our / their for our, their in zip(ours.medians_s, theirs.medians_s, strict=True))


def held(what: str, value: float, within: float) -> bool:
    """Whether a ratio lies that near to one."""
    return said(f"{what}: {value:.4f}", abs(math.log(value)) <= math.log1p(within))


def said(line: str, good: bool) -> bool:
    """Print a line with its verdict."""
    print(f"{line}: {'pass' if good else 'FAIL'}")
    return good


def job_of(name: str, preset: Preset) -> Job:
    """A forward pass in fp32."""
    case = Case(kind="layer", subject=name, channels=64, size=SIZES[name])
    (job,) = make_jobs([case], ["cpu"], ["latency_warm"], preset, seed=0)
    return job


def our_preset(seconds: float) -> Preset:
    """One process; a fifth of the time at most to warm up, the rest to measure."""
    changes = {
        "processes": 1, "warmup_min_s": 0.1 * seconds, "warmup_max_s": 0.2 * seconds,
        "budget_s": 0.6 * seconds, "samples_max": 100_000, "half_width": 1e-4,
    }  # fmt: skip
    return find_preset("quick").model_copy(update=changes)


def in_a_child(name: str, seconds: float, first: str, tries: int) -> dict[str, list[Any]]:
    """Both tools' median, seconds of measuring and remarks, from a fresh process."""
    command = [sys.executable, str(Path(__file__).resolve()), "--child", first]
    done = subprocess.run(
        [*command, "--cases", name, "--seconds", str(seconds), "--tries", str(tries)],
        env=os.environ | child_variables("cpu", 1),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return dict(json.loads(done.stdout))


@dataclass(slots=True)
class Listening:
    """A call that reads its core's speed now and then."""

    call: Callable[[], object]
    speed: CoreSpeed
    read_ns: int = 0
    is_shared: bool = False

    def __call__(self) -> None:
        """Call; it looks at the core each LOOK_NS."""
        self.call()
        if time.perf_counter_ns() - self.read_ns > LOOK_NS:
            self.is_shared |= self.speed.is_slow(self.speed.read())
            self.read_ns = time.perf_counter_ns()


def measure_both(name: str, seconds: float, first: str, tries: int) -> dict[str, list[Any]]:
    """The same call by each tool, in the order asked for, until it has its core for itself."""
    os.sched_setaffinity(0, choose_cores(1, allowed_cores()))
    import torch

    from sabench.measure.building import build_subject
    from sabench.measure.runtimes.eager import prepare

    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    execution, speed = prepare(build_subject(job_of(name, our_preset(seconds)))), CoreSpeed()
    speed.learn(earlier_best(environment("cpu")))
    speed.seek()
    tools = {"ours": by_ours, "theirs": by_theirs}
    with execution.context():
        execution.call()  # what comes first is not timed by either
        for _ in range(tries):
            call = Listening(execution.call, speed)
            found = {
                side: tools[side](call, seconds)
                for side in sorted(tools, reverse=first == "theirs")
            }
            if not call.is_shared:
                return found
    for side in found.values():
        side.append(SHARED)
    return found


def by_ours(call: Callable[[], object], seconds: float) -> list[Any]:
    """The protocol with the CPU's timer; the status stands among the remarks if it is not ok."""
    from sabench.measure.core_speed import speed_of_this_process
    from sabench.measure.cpu_timer import CpuTimer
    from sabench.measure.protocol import Protocol

    preset = our_preset(seconds)
    timer = CpuTimer(1, speed=speed_of_this_process(), slow_core=preset.slow_core)
    timing = Protocol(preset, timer, passes_over=False).measure(call)  # in the same time
    took = float(timing.details["measured_s"]) + float(timing.details["warmup_s"])
    remarks = [] if timing.status.value == "ok" else [timing.status.value]
    return [quantile(timing.samples, 0.5), took, *remarks]


def by_theirs(call: Callable[[], object], seconds: float) -> list[Any]:
    """torch.utils.benchmark, at least so many seconds."""
    from torch.utils.benchmark import Timer

    timer = Timer("call()", globals={"call": call}, num_threads=1)
    start = time.perf_counter()
    found = timer.blocked_autorange(min_run_time=seconds)
    return [found.median, time.perf_counter() - start]


if __name__ == "__main__":
    sys.exit(main())
