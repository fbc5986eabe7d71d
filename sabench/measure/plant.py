"""A planted slowdown: a call that does more of its own kind of work, as much as was asked for.

To see whether a gate notices. It is work, never a sleep: a sleep leaves a core or a device idle,
and what judges the load around a block would reject it.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from pydantic import JsonValue

from sabench.cases.case import Case
from sabench.cases.plan import Job
from sabench.measure.building import DTYPES
from sabench.measure.cpu_timer import CpuTimer
from sabench.measure.execution import Execution, Output
from sabench.measure.fake_bench import FakeTimer
from sabench.measure.stopping import half_width
from sabench.measure.timer import Call, Timer
from sabench.stats import quantile

CHANNELS = 64  # of the product where the case, a network, has none
LEAST_POSITIONS, MOST_POSITIONS = 8, 4096  # of the map that the product is over
PARTS = 32  # a call's extra work is so many products or more, where they can be so short
SHORTEST_S = {"cpu": 1e-6, "cuda": 5e-6}  # of a product: below, starting it costs more than it does
WARM_S = 0.2
BLOCKS = 3  # of a side in a turn
ROUND = 11  # turns between two looks
FIT_S = 4.0  # most time for the turns
CLOSE = 0.002  # how well the ratio is known when the fitting ends, of one call


@dataclass(slots=True)
class Planted:
    """A call, and after it `rate` products on average: a part of one is owed to the next call."""

    call: Callable[[], Output]
    product: Call
    rate: float
    owed: float = 0.0

    def __call__(self) -> Output:
        """What the call gives; the products go nowhere."""
        output = self.call()
        self.owed += self.rate
        for _ in range(int(self.owed)):
            self.product()
        self.owed %= 1.0
        return output


def plant(job: Job, execution: Execution, timer: Timer) -> dict[str, JsonValue]:
    """Make the execution's call take `job.plant` times as long, and tell how near that came.

    Counts stay the call's own. To be used within the execution's context.
    """
    if isinstance(timer, FakeTimer):  # its script's seconds are planted
        return {"asked": job.plant, "made_up": True}
    if job.device == "cpu" and job.case.threads == 1:  # time that no neighbour on the core makes
        timer = CpuTimer(1, time.process_time_ns)
    own = execution.call
    start = time.perf_counter()
    while time.perf_counter() - start < WARM_S:
        own()
    extra_s = (job.plant - 1.0) * _seconds(timer, own)
    product = fitting(partial(product_of, job.case, job.device), extra_s, job.device, timer)
    planted = Planted(own, product, extra_s / _seconds(timer, product))
    known_to, turns = fit(planted, job.plant, timer)
    execution.own, execution.call = own, planted
    told: dict[str, JsonValue] = {"asked": job.plant, "known_to": known_to}
    return told | {"products": planted.rate, "turns": turns}


def product_of(case: Case, device: str, positions: int) -> Call:
    """The product that a projection of the case's channels is, over so many positions."""
    channels = case.channels or CHANNELS
    make = partial(torch.rand, device=device, dtype=DTYPES[case.dtype])
    weight, x = make(channels, channels), make(channels, positions)
    out = torch.empty_like(x)
    return lambda: torch.mm(weight, x, out=out)


def fitting(make: Callable[[int], Call], extra_s: float, device: str, timer: Timer) -> Call:
    """The product over as many positions as leave it short beside the extra work."""
    longest_s = max(extra_s / PARTS, SHORTEST_S[torch.device(device).type])
    positions = MOST_POSITIONS
    product = make(positions)
    while positions > LEAST_POSITIONS and _seconds(timer, product) > longest_s:
        positions //= 2
        product = make(positions)
    return product


def fit(planted: Planted, asked: float, timer: Timer) -> tuple[float | None, int]:
    """Set the rate by what a product adds to a call, in turns of the call with and without.

    How well the ratio is known then, as a part of one call; and the number of turns.
    """
    extra, start = asked - 1.0, time.perf_counter()
    added: list[float] = []  # by one product, over a call
    known_to = math.inf
    timer.calibrate(planted.call, timer.once(planted.call))
    while known_to > CLOSE and time.perf_counter() - start < FIT_S:
        for _ in range(ROUND):
            added.append((_ratio(planted, timer, flip=len(added) % 2 == 1) - 1.0) / planted.rate)
        middle = quantile(added, 0.5)
        if middle > 0.0:
            planted.rate = extra / middle
        known_to = extra * half_width(added, 0.95)
    return known_to if known_to < math.inf else None, len(added)


def _ratio(planted: Planted, timer: Timer, *, flip: bool) -> float:
    """Planted over not, next to each other; the order flips from turn to turn: drift cancels."""
    if flip:
        more = _median(timer, planted)
        return more / _median(timer, planted.call)
    base = _median(timer, planted.call)
    return _median(timer, planted) / base


def _seconds(timer: Timer, call: Call) -> float:
    timer.calibrate(call, min(timer.once(call) for _ in range(3)))
    return _median(timer, call)


def _median(timer: Timer, call: Call) -> float:
    """Of undisturbed blocks, where there are any."""
    blocks = timer.chunk(call, BLOCKS)
    accepted = [block.seconds for block in blocks if not block.disturbance]
    return quantile(accepted or [block.seconds for block in blocks], 0.5)
