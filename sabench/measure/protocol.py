"""The measuring of one call: warm up, sample in chunks, stop by rule, say what disturbed it."""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sabench.catalog.presets import Preset
from sabench.measure import stopping
from sabench.measure.device_diary import LONGEST_COOLING_S, Cooling, slowdown
from sabench.measure.device_watch import DeviceWatch, NoWatch
from sabench.measure.judging import Sampling, Timing, judge
from sabench.measure.load import Disturbance
from sabench.measure.stopping import Progress, Stop
from sabench.measure.timer import Block, Call, Timer
from sabench.measure.turns import Alone, Turns
from sabench.measure.warm_up import SHORT_BLOCK_S, chunk_size, warm_up
from sabench.records import Status
from sabench.stats import quantile

LEAST_S = 0.1  # sampling goes on this long: ten blocks of 1 ms see too little of a machine
TURN_S = 0.015  # of sampling in a turn: short beside what drifts, long beside filling the caches
WARM_BLOCKS = 2  # of a turn, before what counts: another process has had the caches
FEWEST_TURNS = 12  # of a call of which all would take longer than the budget
DEADLINE_SHARE = 0.8  # of the case's deadline; the rest is for the other metrics

GRAVITY = (Status.OK, Status.CONTENDED, Status.THROTTLED)
"""How a timing may end, from best to worst."""

ShowFigure = Callable[[float, int], None]
"""Told the median so far and the number of samples; never inside a block."""


def show_nothing(_latency_s: float, _n: int) -> None:
    """For callers without a listener."""


@dataclass(slots=True)
class Protocol:
    """Drives timers by a preset's constants.

    `status` is the worst of what it measured, and `message` why. All durations are of `clock`,
    which is monotonic: a step of the wall clock changes none.
    """

    preset: Preset
    timer: Timer
    show_figure: ShowFigure = show_nothing
    look: Callable[[], object] = lambda: None  # at the device, while it is still hot from sampling
    started_s: float = field(default_factory=time.perf_counter)  # of the job: its deadline runs
    clock: Callable[[], float] = time.perf_counter
    sleep: Callable[[float], None] = time.sleep
    watch: DeviceWatch = field(default_factory=NoWatch)
    turns: Turns = field(default_factory=Alone)
    passes_over: bool = True  # chunks that something unseen had the core for
    asleep_s: float = 0.0  # while it was the turn of others
    status: Status = Status.OK
    message: str = ""
    cooling: Cooling = field(init=False)

    def __post_init__(self) -> None:
        """A device is given no more time to cool than its job may measure."""
        self.cooling = Cooling(min(LONGEST_COOLING_S, self.preset.budget_s))

    def measure(self, call: Call, timer: Timer | None = None) -> Timing:
        """Seconds of one call, by the job's timer or another one."""
        timer = timer or self.timer
        with _no_collection():
            warmth = warm_up(
                *(call, timer, self.preset, self.watch, self.clock),
                limit_s=self._warm_up_s(),
            )
            sample = self._sample_in_turns if self.turns.count else self._sample
            sampling = sample(call, timer)
            timing = judge(sampling, timer, self.preset, warmth, self.cooling)
            self.look()
        if GRAVITY.index(timing.status) > GRAVITY.index(self.status):
            self.status, self.message = timing.status, timing.message
        return timing

    def _warm_up_s(self) -> float:
        """The longest warm-up. Where turns are taken the shortest: what still settles meets all."""
        most = self.preset.warmup_min_s if self.turns.count else self.preset.warmup_max_s
        return min(self.remaining_s(), most)

    def remaining_s(self) -> float:
        """What the job's deadline leaves for timing."""
        awake_s = self.clock() - self.started_s - self.asleep_s
        return DEADLINE_SHARE * self.preset.deadline_s - awake_s

    def _sample(self, call: Call, timer: Timer) -> Sampling:
        """Chunks until the rule ends it: every turn adds a block or uses up one of few waits.

        A chunk that something unseen had the core for is passed over, for as long as the sampling
        itself may take: it comes and goes within tenths of a second. Not so of long blocks, inside
        of which nothing looks.
        """
        sampling = Sampling()
        start, deadline, lost = self.clock(), self.remaining_s(), self.cooling.lost_s
        stop: Stop | None = None
        while stop is None:
            began = self.clock()
            blocks = timer.chunk(call, chunk_size(timer, len(sampling.accepted)))
            span = self.watch.between(began, self.clock())
            if (why := slowdown(span)) and (wait := self._cooling_s(began)):
                sampling.diary.discard(why)
                self.sleep(wait)
                timer.chunk(call, chunk_size(timer, 0))  # a device that idled is not warm
                self.cooling.lost_s += self.clock() - began
                continue
            if self.passes_over and timer.block_s < SHORT_BLOCK_S and _is_shared(blocks):
                is_over = self._wait_is_over(sampling)
                if is_over is None or len(sampling.accepted) >= self.preset.samples_min:
                    sampling.pass_over(blocks, self.clock() - began)
                    stop = is_over
                    continue
            sampling.diary.keep(span, [block.seconds for block in blocks])
            sampling.add(blocks)
            waited = self.cooling.lost_s - lost + sampling.passed_s
            sampling.measured_s = self.clock() - start - waited
            stop = self._should_stop(sampling, deadline - waited)
            told = sampling.accepted or sampling.everything
            self.show_figure(quantile(told, 0.5), len(sampling.accepted))
        sampling.stop = stop
        return sampling

    def _wait_is_over(self, sampling: Sampling) -> Stop | None:
        """Why no further chunk is passed over."""
        if self.remaining_s() <= 0:
            return Stop.DEADLINE
        return Stop.BUDGET if sampling.passed_s >= self.preset.budget_s else None

    def _cooling_s(self, began: float) -> float | None:
        """How long to let the device cool now, behind the chunk that began then."""
        now = self.clock()
        return self.cooling.next_s(now - began, now - self.started_s, self.remaining_s())

    def _sample_in_turns(self, call: Call, timer: Timer) -> Sampling:
        """A slice a turn, behind what fills the caches, as many as there are turns.

        Fewer of a call that takes long, and no rule looks at the samples: each of those that take
        turns shall have as many slices as the others.
        """
        sampling = Sampling(stop=Stop.TURNS)
        while (taken := len(sampling.turns)) < self.turns.count:
            if taken >= FEWEST_TURNS and sampling.measured_s >= self.preset.budget_s:
                sampling.stop = Stop.BUDGET
                break
            if taken and self.remaining_s() <= 0.0:
                sampling.stop = Stop.DEADLINE
                break
            slept = self.clock()
            self.turns.take()
            self.asleep_s += self.clock() - slept
            timer.chunk(call, WARM_BLOCKS if timer.block_s < SHORT_BLOCK_S else 1)
            began, blocks = self.clock(), timer.chunk(call, 1)
            while self.clock() - began < TURN_S:
                blocks += timer.chunk(call, 1)
            seconds = [block.seconds for block in blocks]
            clean = [block.seconds for block in blocks if not block.disturbance]
            sampling.diary.keep(self.watch.between(began, self.clock()), seconds)
            sampling.add(blocks)
            sampling.turns.append(quantile(clean, 0.5) if clean else None)
            sampling.measured_s += self.clock() - began
            self.show_figure(quantile(sampling.everything, 0.5), len(sampling.accepted))
        return sampling

    def _should_stop(self, sampling: Sampling, deadline_s: float) -> Stop | None:
        progress = Progress(
            sampling.accepted, sampling.rejected, sampling.measured_s, deadline_s=deadline_s
        )
        stop = stopping.should_stop(progress, self.preset)
        is_early = sampling.measured_s < min(LEAST_S, self.preset.budget_s)
        if stop is Stop.PRECISE and is_early and len(sampling.accepted) < self.preset.samples_max:
            return None
        return stop


def _is_shared(blocks: list[Block]) -> bool:
    """Whether something unseen had the core for most of a chunk."""
    return 2 * sum(block.disturbance is Disturbance.SLOWED for block in blocks) > len(blocks)


@contextmanager
def _no_collection() -> Iterator[None]:
    """No garbage collection while timing; what exists is out of its sight until then."""
    gc.collect()
    gc.freeze()
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
        gc.unfreeze()
