"""Self-checks of the CPU: fixed work, clocks, own time, a busy neighbour, threads that wait."""

import os
import time

import torch

from sabench.measure.noise import busy_neighbours
from sabench.measure.selftest.bench import (
    CALL_S,
    Bench,
    Observed,
    Turns,
    interleaved,
    is_quiet,
    repeated,
)
from sabench.measure.selftest.table import RATIOS, TURNS
from sabench.records import Reading
from sabench.stats import quantile

LONG_S = 0.03  # longer than a scheduler's slice: a neighbour is in every block
CHUNK = 25  # blocks of a turn
QUIET_TRIES = 30  # a figure that nothing disturbed, if there is one to be had
BESIDE = 2  # figures beside the neighbour
REST_S = 0.3
FELT_CALLS = 40


def fixed_work(bench: Bench) -> Reading:
    """n units against 2n."""
    unit = bench.product()
    n = bench.units(unit, CALL_S, 20)
    twice = 19 * n // 10 if bench.plant == "short-work" else 2 * n
    turns = interleaved(bench, repeated(unit, n), repeated(unit, twice), RATIOS["fixed_work"])
    return turns.reading(units=n)


def two_clocks(bench: Bench) -> Reading:
    """The timer's seconds over those that the call itself counted by another clock.

    Both clocks see the same disturbances, so that every turn counts.
    """
    turns, timer = Turns(), bench.timer()
    unit = bench.product()
    call = repeated(unit, bench.units(unit, CALL_S, 1))
    timer.calibrate(call, timer.once(call))
    for turns.tried in range(1, TURNS + 1):
        observed = Observed(call)
        blocks = timer.chunk(observed, CHUNK)
        turns.add(sum(observed.wall_s), sum(block.seconds * block.calls for block in blocks))
    return turns.reading()


def own_cpu(bench: Bench) -> Reading:
    """Processor time of the calls over the timer's seconds."""
    turns = Turns()
    unit = bench.product()
    work = repeated(unit, bench.units(unit, 2 * CALL_S, 1))

    def rest() -> None:
        work()
        time.sleep(CALL_S / 5)

    while not turns.is_done(RATIOS["own_cpu"]):
        turns.tried += 1
        observed = Observed(rest if bench.plant == "resting-work" else work)
        timing = bench.measure(observed)
        if is_quiet(timing):
            own_s = quantile(observed.cpu_s[-len(timing.samples) :], 0.5)
            turns.add(quantile(timing.samples, 0.5), own_s)
    return turns.reading()


def neighbour(bench: Bench) -> Reading:
    """Figures and statuses beside a process on our own core, over the quiet median."""
    cores = _cores()
    if not cores:
        return Reading.absent("1", "this system pins no process to a core")
    unit = bench.product()
    call = repeated(unit, bench.units(unit, LONG_S, 1))
    preset = bench.preset.model_copy(update={"budget_s": 0.5, "warmup_max_s": 0.3})
    for _ in range(QUIET_TRIES):
        quiet = bench.measure(call, preset)
        if is_quiet(quiet):
            break
    quiet_s = quantile(quiet.samples, 0.5)
    with busy_neighbours(cores):
        beside = [bench.measure(call, preset) for _ in range(BESIDE)]
    return Reading.of(
        "1",
        [quantile(timing.samples, 0.5) / quiet_s for timing in beside],
        details={
            "quiet": quiet.status.value,
            "quiet_s": quiet_s,
            "statuses": [timing.status.value for timing in beside],
        },
    )


def wait_policy(bench: Bench) -> Reading:
    """What a pool's waiting threads take of a core, and of a call's time, beside a neighbour."""
    cores = _cores()
    if len(cores) < bench.threads:
        return Reading.absent("1", f"a pool needs {bench.threads} cores of its own")
    convolution = torch.nn.Conv2d(64, 64, 3, padding=1, bias=False)
    x = torch.rand(1, 64, 56, 56)
    timer = bench.timer()
    with torch.inference_mode():
        for _ in range(FELT_CALLS):
            convolution(x)
        quiet = [timer.once(lambda: convolution(x)) for _ in range(FELT_CALLS)]
        with busy_neighbours(cores[-1:]):
            beside = [timer.once(lambda: convolution(x)) for _ in range(FELT_CALLS)]
            wall, cpu = time.perf_counter(), time.process_time()
            time.sleep(REST_S)  # nothing is left to do: whoever runs now only waits
            share = (time.process_time() - cpu) / (time.perf_counter() - wall)
    slower = quantile(beside, 0.5) / quantile(quiet, 0.5)
    return Reading.of("1", [share], details={"slower": slower})


def _cores() -> list[int]:
    if not hasattr(os, "sched_getaffinity"):
        return []
    return sorted(os.sched_getaffinity(0))
