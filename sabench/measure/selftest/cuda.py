"""Self-checks of a CUDA device: cycles that are counted, and a cache that is emptied."""

from typing import Any

import torch

from sabench.measure.cuda_cold import l2_bytes, make_flush, prove_cold
from sabench.measure.selftest import bench as benches
from sabench.measure.selftest.bench import CALL_S, Bench, Turns, interleaved, repeated
from sabench.measure.selftest.table import RATIOS, TURNS
from sabench.records import Reading
from sabench.stats import quantile

CYCLES = 2_000_000  # about a millisecond
FEW, MANY = 4, 14  # samples


def spin(bench: Bench) -> Reading:
    """A kernel that counts cycles, n against 2n."""
    twice = 19 * CYCLES // 10 if bench.plant == "short-spin" else 2 * CYCLES

    cuda: Any = torch.cuda  # whose spinning kernel has no types
    once, more = (lambda: cuda._sleep(CYCLES)), (lambda: cuda._sleep(twice))
    turns = interleaved(bench, once, more, RATIOS["spin"])
    if not turns.ratios:
        return turns.reading()
    once_s, twice_s = quantile(turns.base_s, 0.5), quantile(turns.other_s, 0.5)
    return turns.reading(once_s=once_s, twice_s=twice_s)


def two_clocks(bench: Bench) -> Reading:
    """Events over the host's clock, by what ten samples more add to both.

    What queueing, the head start and the waiting cost stands in either, and cancels.
    """
    turns, timer = Turns(), bench.timer()
    unit = bench.product()
    call = repeated(unit, bench.units(unit, 10 * CALL_S, 1))
    timer.calibrate(call, timer.once(call))
    for turns.tried in range(1, TURNS + 1):
        host_s, events_s = [], []
        for count in (FEW, MANY):
            bench.synchronise()
            start = benches.raw_ns()
            blocks = timer.chunk(call, count)
            host_s.append((benches.raw_ns() - start) * 1e-9)
            events_s.append(sum(block.seconds * block.calls for block in blocks))
        turns.add(host_s[1] - host_s[0], events_s[1] - events_s[0])
    return turns.reading()


def cold_warm(bench: Bench) -> Reading:
    """The proof that the cold timings of a profile rest on."""
    l2 = l2_bytes(torch.cuda, bench.device)
    if not l2:
        return Reading.absent("1", "the device does not tell the size of its L2")
    flush = (lambda: None) if bench.plant == "warm-flush" else make_flush(bench.device, l2)
    proof = prove_cold(torch.cuda, bench.device, flush, l2)
    return Reading.of(
        "1", [proof.ratio], details={"cold_s": proof.cold_s, "warm_s": proof.warm_s, "l2": l2}
    )
