"""What self-checks are made of: the real protocol and timers, work of known amount, turns."""

import time
from dataclasses import dataclass, field

import torch
from pydantic import JsonValue

from sabench.catalog.presets import Preset
from sabench.measure.core_speed import speed_of_this_process
from sabench.measure.cpu_timer import CpuTimer
from sabench.measure.cuda_timer import CudaTimer
from sabench.measure.judging import Timing
from sabench.measure.protocol import Protocol
from sabench.measure.selftest.plants import BlindTimer, SlowEvents, slowed
from sabench.measure.selftest.table import MOST_TURNS, TURNS, Ratio
from sabench.measure.timer import Call, Timer
from sabench.records import Flag, Reading, Status
from sabench.stats import median_interval, quantile

LONGEST_S = 60.0  # of a check's turns, well within its deadline
HOPELESS = 20  # turns without an undisturbed one: nothing will come of it
CALL_S = 2e-3  # of a side in a turn: one call is one block
SIZES = {"cpu": 128, "cuda": 1024}  # of a product, the unit of work


@dataclass(slots=True)
class Bench:
    """The runner's protocol and timer on a device, with the fault that is planted, if any."""

    device: str
    threads: int
    preset: Preset
    plant: str = ""

    def timer(self) -> Timer:
        """As the runner makes it; its clock 5 % slow, or blind to the load, if that is planted."""
        slow = self.plant == "slow-clock"
        if self.device == "cpu":
            kind = BlindTimer if self.plant == "blind-load" else CpuTimer
            clock_ns = slowed(time.perf_counter_ns) if slow else time.perf_counter_ns
            speed, slow_core = speed_of_this_process(), self.preset.slow_core
            return kind(self.threads, clock_ns, speed=speed, slow_core=slow_core)
        return CudaTimer(SlowEvents(torch.cuda) if slow else torch.cuda, self.device)

    def measure(self, call: Call, preset: Preset | None = None) -> Timing:
        """One measurement through the whole protocol; a disturbed one is not mended, but told."""
        return Protocol(preset or self.preset, self.timer(), passes_over=False).measure(call)

    def product(self) -> Call:
        """The unit of work: one product of two square matrices into a third."""
        side = SIZES["cpu" if self.device == "cpu" else "cuda"]
        left, right = (torch.rand(side, side, device=self.device) for _ in range(2))
        out = torch.empty_like(left)
        return lambda: torch.mm(left, right, out=out)

    def units(self, unit: Call, seconds: float, least: int) -> int:
        """How many units take about that long, measured here and now; a multiple of `least`."""
        timer = CpuTimer(1) if self.device == "cpu" else CudaTimer(torch.cuda, self.device)
        once = min(timer.once(repeated(unit, least)) for _ in range(5))
        return least * max(1, round(seconds / once))

    def synchronise(self) -> None:
        """Wait for the device; a CPU call has ended when it returns."""
        if self.device != "cpu":
            torch.cuda.synchronize(self.device)


def raw_ns() -> int:
    """A clock that the runner does not read, and that NTP does not correct."""
    if hasattr(time, "CLOCK_MONOTONIC_RAW"):
        return time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
    return time.monotonic_ns()


def repeated(unit: Call, n: int) -> Call:
    """The unit, n times."""
    times = range(n)

    def call() -> None:
        for _ in times:
            unit()

    return call


@dataclass(slots=True)
class Observed:
    """A call that keeps its own books, by clocks that the runner does not read."""

    call: Call
    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)

    def __call__(self) -> None:
        """Call, and write down what it took."""
        cpu, wall = time.process_time_ns(), raw_ns()
        self.call()
        self.wall_s.append((raw_ns() - wall) * 1e-9)
        self.cpu_s.append((time.process_time_ns() - cpu) * 1e-9)


@dataclass(slots=True)
class Turns:
    """Ratios of undisturbed turns of those tried, and what both sides took."""

    tried: int = 0
    began_s: float = field(default_factory=time.monotonic)
    ratios: list[float] = field(default_factory=list)
    base_s: list[float] = field(default_factory=list)
    other_s: list[float] = field(default_factory=list)

    def is_done(self, ratio: Ratio) -> bool:
        """Whether they tell enough, or as much as they ever will. Asks for width, not for outcome:
        who stops at the figure he likes finds what he likes. A core that is shared now and then
        has a moment of its own for a turn now and then, so it is asked for long."""
        if len(self.ratios) >= TURNS and ratio.is_sharp(median_interval(self.ratios)):
            return True
        is_late = time.monotonic() - self.began_s > LONGEST_S
        return is_late or self.tried >= (MOST_TURNS if self.ratios else HOPELESS)

    def add(self, base_s: float, other_s: float) -> None:
        """One more that was undisturbed."""
        self.base_s.append(base_s)
        self.other_s.append(other_s)
        self.ratios.append(other_s / base_s)

    def reading(self, **details: JsonValue) -> Reading:
        """For the judge. Without a turn the figure is told as absent, with what was asked."""
        told: dict[str, JsonValue] = {"turns": self.tried, **details}
        if not self.ratios:
            return Reading.absent("1", f"none of {self.tried} turns was undisturbed", flags=NOISY)
        told |= {"base_s": quantile(self.base_s, 0.5), "other_s": quantile(self.other_s, 0.5)}
        return Reading.of("1", self.ratios, details=told)


NOISY = (Flag.HOST_NOISY,)


def is_quiet(timing: Timing) -> bool:
    """Whether nothing else ran in it worth a word."""
    return timing.status is Status.OK and Flag.PREEMPTED not in timing.flags


def interleaved(bench: Bench, base: Call, other: Call, ratio: Ratio) -> Turns:
    """Both sides measured in turn, the order flipped each time: drift cancels."""
    turns = Turns()
    while not turns.is_done(ratio):
        turns.tried += 1
        if turns.tried % 2:
            pair = bench.measure(base), bench.measure(other)
        else:
            pair = (bench.measure(other), bench.measure(base))[::-1]
        if all(map(is_quiet, pair)):
            turns.add(*(quantile(timing.samples, 0.5) for timing in pair))
    return turns
