"""Drive the protocol through synthetic streams whose truth is known, and hold it to its promises.

Run: .venv/bin/python tools/check_stopping.py [--streams 2000] [--preset standard]
Prints a line for each promise with what was read, and exits 1 if one is broken. The clock, the
timer and the samples are scripted: no load on the machine changes the outcome. Preset quick is held
to none of it: ten samples show no drift.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from sabench.catalog.presets import Preset, find_preset
from sabench.measure.judging import Timing
from sabench.measure.protocol import Protocol
from sabench.measure.timer import Block, Call
from sabench.records import Flag, Status
from sabench.stats import effective_count, median_interval

CALL_S = 5e-3  # so long that sampling's least time has gone by at the least number of samples
NOISE = 0.01  # standard deviation of one sample, over the call's time
RISE = 4 * NOISE  # of a drifting stream, over the preset's least number of samples
APART = 8 * NOISE  # the two modes of a bimodal stream
TAIL = 1.5  # Pareto index: the mean exists, the variance does not
LEAST_COVERAGE = 0.93
LEAST_FLAGGED = 0.95
MOST_FALSE = 0.05

Floats = NDArray[np.float64]
Make = Callable[[np.random.Generator, int, Preset], Floats]


@dataclass(frozen=True, slots=True)
class Kind:
    """A family of streams of relative times around one, and the true median where there is one."""

    name: str
    make: Make
    median: float | None = None


def _autoregressive(random: np.random.Generator, n: int) -> Floats:
    noise = random.normal(0.0, NOISE * np.sqrt(1 - 0.9**2), n)
    level, found = random.normal(0.0, NOISE), np.empty(n)
    for place in range(n):
        level = 0.9 * level + noise[place]
        found[place] = level
    return found


KINDS = (
    Kind("constant", lambda _, n, __: np.ones(n), 1.0),
    Kind("white", lambda random, n, _: 1 + random.normal(0, NOISE, n), 1.0),
    Kind(
        "heavy-tailed",
        lambda random, n, _: 1 + NOISE * random.pareto(TAIL, n),
        1 + NOISE * (2 ** (1 / TAIL) - 1),
    ),
    Kind(
        "drifting",
        lambda random, n, preset: (
            1 + random.normal(0, NOISE, n) + RISE / preset.samples_min * np.arange(n)
        ),
    ),
    Kind(
        "bimodal",
        lambda random, n, _: (
            1 + random.normal(0, NOISE, n) + APART * (random.random(n) < random.uniform(0.3, 0.7))
        ),
    ),
    Kind("AR(1) 0.9", lambda random, n, _: 1 + _autoregressive(random, n), 1.0),
)


class StreamTimer:
    """Blocks that take what a stream says; its clock is the sum of them. Warm-up reads it too."""

    flags: tuple[Flag, ...] = ()
    details: dict[str, Any] = {"timing": "scripted"}  # noqa: RUF012 - never changed

    def __init__(self, seconds: Floats) -> None:
        self._seconds: Iterator[float] = iter(seconds.tolist())
        self.now, self.block_s = 0.0, CALL_S

    def clock(self) -> float:
        """Seconds so far."""
        return self.now

    def once(self, _call: Call) -> float:
        """The next time."""
        seconds = next(self._seconds)
        self.now += seconds
        return seconds

    def calibrate(self, _call: Call, estimate_s: float) -> None:
        """One call a block."""
        self.block_s = estimate_s

    def chunk(self, call: Call, count: int) -> list[Block]:
        """The next times."""
        return [Block(self.once(call), 1) for _ in range(count)]

    def foreign_work(self) -> str:
        """Nothing."""
        return ""


def time_stream(stream: Floats, preset: Preset) -> Timing:
    """What the protocol makes of relative times."""
    timer = StreamTimer(CALL_S * stream)
    protocol = Protocol(preset, timer, clock=timer.clock, started_s=0.0, sleep=_never)
    return protocol.measure(lambda: None)


def _never(_seconds: float) -> None:
    raise AssertionError("nothing is hot here")


@dataclass(slots=True)
class Tally:
    """What a kind's streams came to."""

    streams: int = 0
    longest: int = 0
    shortest: int = 10**9
    covered: int = 0
    width: float = 0.0  # the widest interval
    statuses: set[Status] = field(default_factory=set)
    flagged: dict[Flag, int] = field(default_factory=dict)

    def add(self, timing: Timing, median: float | None) -> None:
        """Count one stream."""
        n = len(timing.samples)
        interval = median_interval(timing.samples, count=effective_count(timing.samples))
        self.streams += 1
        self.longest, self.shortest = max(self.longest, n), min(self.shortest, n)
        self.statuses.add(timing.status)
        for flag in timing.flags:
            self.flagged[flag] = self.flagged.get(flag, 0) + 1
        if interval is not None:
            self.width = max(self.width, interval.high - interval.low)
            if median is not None:
                tiny = 1e-12  # a constant's interval is a point, up to rounding
                low, high = interval.low / CALL_S - tiny, interval.high / CALL_S + tiny
                self.covered += low <= median <= high

    def share(self, flag: Flag) -> float:
        """How many of the streams have a flag."""
        return self.flagged.get(flag, 0) / self.streams


def tally(kind: Kind, preset: Preset, streams: int, seed: int) -> Tally:
    """Every stream of a kind through the protocol."""
    random, found = np.random.default_rng([seed, KINDS.index(kind)]), Tally()
    longest = preset.samples_max + int(preset.warmup_max_s / CALL_S) + 2000
    for _ in range(streams):
        found.add(time_stream(kind.make(random, longest, preset), preset), kind.median)
    return found


@dataclass(frozen=True, slots=True)
class Promise:
    """What must hold, what was read, and whether it does."""

    text: str
    read: str
    holds: bool


def promises(tallies: dict[str, Tally], preset: Preset) -> list[Promise]:
    """Every promise of the protocol, against the tallies."""
    made = [
        Promise(
            f"{name}: ends within {preset.samples_max} samples",
            f"{found.shortest} to {found.longest}",
            found.longest <= preset.samples_max,
        )
        for name, found in tallies.items()
    ]
    for name in ("white", "heavy-tailed"):
        covered = tallies[name].covered / tallies[name].streams
        text = f"{name}: the 95 % interval covers the true median in {LEAST_COVERAGE:.0%}"
        made.append(Promise(text, f"{covered:.2%}", covered >= LEAST_COVERAGE))
    for name, flag in (("drifting", Flag.DRIFT), ("bimodal", Flag.BIMODAL)):
        share = tallies[name].share(flag)
        text = f"{name}: flagged {flag} in {LEAST_FLAGGED:.0%}"
        made.append(Promise(text, f"{share:.2%}", share >= LEAST_FLAGGED))
        for calm in ("constant", "white"):
            share = tallies[calm].share(flag)
            text = f"{calm}: flagged {flag} in no more than {MOST_FALSE:.0%}"
            made.append(Promise(text, f"{share:.2%}", share <= MOST_FALSE))
    still = tallies["constant"]
    made.append(
        Promise(
            f"constant: ends at {preset.samples_min} samples with an interval of width 0",
            f"{still.shortest} to {still.longest}, width {still.width:g}",
            still.shortest == still.longest == preset.samples_min and still.width == 0.0,
        )
    )
    return made


def check(
    preset: Preset, streams: int, seed: int = 0, told: Callable[[str], None] = print
) -> list[Promise]:
    """All kinds through the protocol, and what the promises came to."""
    found: dict[str, Tally] = {}
    for kind in KINDS:
        start = time.perf_counter()
        with patch("gc.collect"):  # before each of thousands of timings it is all that takes time
            found[kind.name] = tally(kind, preset, streams, seed)
        told(f"{kind.name:14}{streams} streams, {time.perf_counter() - start:5.1f} s")
    autoregressive = found["AR(1) 0.9"]
    told(
        f"AR(1) 0.9: the 95 % interval covers the true median in "
        f"{autoregressive.covered / autoregressive.streams:.2%} (no promise)"
    )
    return promises(found, preset)


def main() -> int:
    """The table; 1 if a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=2000)
    parser.add_argument("--preset", default="standard")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    made = check(find_preset(asked.preset), asked.streams, asked.seed)
    for promise in made:
        print(f"{'pass' if promise.holds else 'FAIL'}  {promise.text}: {promise.read}")
    return 0 if all(promise.holds for promise in made) else 1


if __name__ == "__main__":
    sys.exit(main())
