"""The scripted clock of the fake runtime, and what reads it: a timer and a device's watch."""

import math
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from pydantic import JsonValue

from sabench.cases.cost import case_cost
from sabench.cases.plan import Job
from sabench.measure.cpu_timer import BLOCK_S
from sabench.measure.device_watch import DeviceSpan
from sabench.measure.fake_script import Rule, ScriptedSpan, find_script
from sabench.measure.fake_streams import stream
from sabench.measure.load import Disturbance
from sabench.measure.timer import Block, Call
from sabench.records import Flag


@dataclass(slots=True)
class FakeClock:
    """Seconds that pass only when something scripted takes them."""

    now: float = 0.0

    def __call__(self) -> float:
        """The time, as time.perf_counter would tell it."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


@dataclass(slots=True)
class FakeTimer:
    """Times nothing: takes the next seconds of a stream and moves the clock on by them."""

    clock: FakeClock
    seconds: Iterator[float]
    rule: Rule
    draw: random.Random
    calls: int = 1
    block_s: float = BLOCK_S
    flags: tuple[Flag, ...] = ()
    details: dict[str, JsonValue] = field(
        default_factory=lambda: {"timing": "scripted", "made_up": True}
    )

    def once(self, call: Call) -> float:
        """The call is made, for what it does; its seconds are the script's."""
        call()
        seconds = next(self.seconds)
        self.clock.advance(seconds)
        return seconds

    def calibrate(self, call: Call, estimate_s: float) -> None:
        """As many calls as fill a millisecond."""
        self.calls = max(1, math.ceil(BLOCK_S / estimate_s))
        self.block_s = self.calls * estimate_s

    def chunk(self, call: Call, count: int) -> list[Block]:
        """Blocks in a row, none of them called."""
        if self.rule.pace_s:
            time.sleep(self.rule.pace_s)
        return [self._block() for _ in range(count)]

    def _block(self) -> Block:
        seconds = next(self.seconds)
        self.clock.advance(seconds * self.calls)
        disturbed = self.draw.random() < self.rule.disturbed
        return Block(seconds, self.calls, Disturbance.WAITED if disturbed else Disturbance.NONE)

    def foreign_work(self) -> str:
        """What the script says."""
        return self.rule.foreign_work


@dataclass(frozen=True, slots=True)
class FakeWatch:
    """A device that did what the script says."""

    spans: tuple[ScriptedSpan, ...]
    reason: str = ""

    def start(self) -> None:
        """Nothing to begin."""

    def stop(self) -> None:
        """Nothing to end."""

    def between(self, start_s: float, end_s: float) -> DeviceSpan:
        """All that was scripted for a part of the span; of two values the later one."""
        met = [one for one in self.spans if one.start_s < end_s and one.end_s > start_s]
        if not met:
            return DeviceSpan(isolation="alone")
        last = met[-1]
        return DeviceSpan(
            readings=len(met),
            sm_clock_mhz=last.sm_clock_mhz,
            power_w=last.power_w,
            temperature_c=last.temperature_c,
            events=frozenset().union(*(one.events for one in met)),
            foreign=tuple(sorted({pid for one in met for pid in one.foreign})),
            isolation=last.isolation,
        )


@dataclass(frozen=True, slots=True)
class FakeBench:
    """The scripted instruments of one job."""

    clock: FakeClock
    timer: FakeTimer
    watch: FakeWatch

    @classmethod
    def of(cls, job: Job) -> "FakeBench":
        """Those of the rule that matches the job.

        Raises: ConfigError outside a test.
        """
        script = find_script()
        rule, clock = script.rule(job), FakeClock()
        cost = case_cost(job.case)
        seconds = rule.seconds + rule.seconds_per_mac * (cost.macs_executed if cost else 0)
        seed = f"{script.seed}|{job.seed}|{job.case.case_id}|{job.replicate}|{job.attempt}"
        samples = stream(rule.stream, job.plant * seconds, rule.sigma, seed)
        timer = FakeTimer(clock, samples, rule, random.Random(f"{seed}|disturbed"))
        return cls(clock, timer, FakeWatch(rule.device))
