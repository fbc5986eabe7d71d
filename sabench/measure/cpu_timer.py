"""Timing on the CPU: blocks of at least a millisecond, the load read around each."""

import math
import time
from collections.abc import Callable
from dataclasses import replace

from pydantic import JsonValue

from sabench.catalog.presets import SLOW_CORE
from sabench.measure.core_company import AT_ONCE
from sabench.measure.core_load import CoreUsage, core_usage, cores_allowed, foreign_work, held_up
from sabench.measure.core_speed import CoreSpeed
from sabench.measure.load import Disturbance, ProcessLoad, judge
from sabench.measure.stopping import clearly_exceeds
from sabench.measure.timer import Block, Call
from sabench.records import Flag
from sabench.stats import quantile

BLOCK_S = 1e-3
OVERHEAD_SHARE = 1e-4  # of a block: what reading the clock around it may cost
EMPTY_BLOCKS = 100
LOOK_S = 5e-3  # of blocks of several threads between two readings, which keep them waiting
SHARED_SHARE = 0.05  # of these spans: more, and of many cores some are taken as shared all along


def empty_block_s(clock_ns: Callable[[], int]) -> float:
    """What a block takes without a call: the median of a hundred."""
    nothing = range(0)
    spans = []
    for _ in range(EMPTY_BLOCKS):
        start = clock_ns()
        for _ in nothing:
            pass
        spans.append(clock_ns() - start)
    return quantile(spans, 0.5) * 1e-9


def least_block_s(overhead_s: float) -> float:
    """A millisecond; longer where reading the clock is so slow that it would show."""
    return max(BLOCK_S, overhead_s / OVERHEAD_SHARE)


def _slowed(block: Block) -> Block:
    """What a counter told of it stands first."""
    return block if block.disturbance else replace(block, disturbance=Disturbance.SLOWED)


class CpuTimer:
    """Wall time of blocks of calls, judged by what else ran in them.

    With `speed`, by whether a reading of the cores was above `slow_core` times the best before or
    behind a block too, or some milliseconds of blocks of several threads (0: none is taken).
    """

    def __init__(
        self,
        threads: int,
        clock_ns: Callable[[], int] = time.perf_counter_ns,
        usage: Callable[[int], CoreUsage | None] = core_usage,
        speed: CoreSpeed | None = None,
        slow_core: float = SLOW_CORE,
    ) -> None:
        self.threads, self._clock_ns, self._usage = threads, clock_ns, usage
        self._speed, self._slow_core = speed if slow_core else None, slow_core
        self.calls = 1
        self.block_s = BLOCK_S
        self._load = ProcessLoad(clock_ns)
        self.overhead_s = empty_block_s(clock_ns)
        self._sees_load = True
        self._cores: CoreUsage | None = None
        self._wall_ns = self._cpu_ns = self._delay_ns = 0  # over all blocks, rejected ones too
        self._spans = self._slow_spans = 0  # of blocks between two readings

    def once(self, call: Call) -> float:
        """Wall seconds of one call."""
        start = self._clock_ns()
        call()
        return (self._clock_ns() - start) * 1e-9

    def calibrate(self, call: Call, estimate_s: float) -> None:
        """As many calls as fill a block, a tenth more for an estimate that was slow."""
        least_s = least_block_s(self.overhead_s)
        self.calls = max(1, math.ceil(1.1 * least_s / max(estimate_s, 1e-9)))
        self.block_s = self.calls * estimate_s
        self._wall_ns = self._cpu_ns = self._delay_ns = 0
        self._spans = self._slow_spans = 0
        self._cores = self._usage(self.threads)

    def foreign_work(self) -> str:
        """What clearly ran on our cores and their siblings since `calibrate`."""
        told = (
            foreign_work(self._cores, self._usage(self.threads)),
            held_up(self._delay_ns, self._wall_ns, self.threads, cores_allowed()),
            self._unseen(),
        )
        return ", ".join(filter(None, told))

    def _unseen(self) -> str:
        """What shares cores, in words, where there are too many to read all beside each block."""
        slow, spans = self._slow_spans, self._spans
        if self.threads <= AT_ONCE or not clearly_exceeds(slow, spans, SHARED_SHARE):
            return ""
        return f"something unseen on our cores, in {slow} of {spans} spans of timing blocks"

    def chunk(self, call: Call, count: int) -> list[Block]:
        """Blocks in a row, a reading of the cores between each two of them; of several threads
        after some milliseconds of blocks, which then count together, and, where they are shorter
        than that, with a call behind it that does not count: the threads were kept waiting."""
        if (speed := self._speed) is None:
            return [self._block(call) for _ in range(count)]
        look_s = LOOK_S if self.threads > 1 else 0.0
        blocks, some, before = list[Block](), list[Block](), self._read(speed, call)
        while len(blocks) < count:
            some.append(self._block(call))
            span_s = sum(block.seconds * block.calls for block in some)
            if span_s < look_s and len(blocks) + len(some) < count:
                continue
            after = self._read(speed, call)
            if speed.is_slow(max(before, after), self._slow_core):
                some = [_slowed(block) for block in some]
            self._slow_spans += any(block.disturbance is Disturbance.SLOWED for block in some)
            self._spans += 1  # however many blocks; a slow reading spoils those on both sides
            blocks += some
            some, before = [], after
        return blocks

    def _read(self, speed: CoreSpeed, call: Call) -> float:
        reading = speed.read()
        if self.threads > 1 and self.block_s < LOOK_S:
            call()
        return reading

    def _block(self, call: Call) -> Block:
        clock, repeats = self._clock_ns, range(self.calls)
        before = self._load.before()
        start = clock()  # of its own: noting the load after a reading costs most of a microsecond
        for _ in repeats:
            call()
        seconds = (clock() - start) * 1e-9 / self.calls
        after = self._load.after()
        self._sees_load = after.delay_ns is not None
        self._wall_ns += after.wall_ns - before.wall_ns
        self._cpu_ns += after.cpu_ns - before.cpu_ns
        self._delay_ns += (after.delay_ns or 0) - (before.delay_ns or 0)
        return Block(seconds, self.calls, judge(before, after, self.threads))

    @property
    def flags(self) -> tuple[Flag, ...]:
        """Unverified isolation where the kernel does not tell how long threads waited, and where of
        several cores only one could be read."""
        reads_all = self._speed is None or self._speed.reads_all
        return () if self._sees_load and reads_all else (Flag.ISOLATION_UNVERIFIED,)

    @property
    def details(self) -> dict[str, JsonValue]:
        """Calls per sample, the signal that judged them, and the shares it comes from."""
        signal = "run delay" if self._sees_load else "own CPU time and context switches"
        wall = max(1, self._wall_ns)
        return {
            "timing": "blocks",
            "calls_per_sample": self.calls,
            "overhead_s": self.overhead_s,
            "judged_by": signal,
            "own_cpu_cores": round(self._cpu_ns / wall, 3),
            "waited_cores": round(self._delay_ns / wall, 3),
            "core_best": self._speed.own if self._speed else None,
        }
