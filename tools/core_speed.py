"""What readings of a core tell of calls beside them: what the limit of a shared core rests on.

    .venv/bin/python tools/core_speed.py [--seconds 60]

A 3x3 convolution (64 channels, 56 px) is called over and over on one core, a reading of the core
(time of a product over that of a division) on both sides of each call. Where something unseen
shares the core (another virtual machine on its other hardware thread), calls fall into fast and
slow ones; what the readings beside each kind were, and how many of each kind several limits would
reject, is printed. On a core that nothing shares there are no slow ones to tell apart: then it says
what the limits would cost.
"""

import argparse
import os
import sys
import time
from itertools import pairwise

from sabench.launch.limits import allowed_cores, choose_cores
from sabench.measure.core_speed import LOW, CoreSpeed
from sabench.measure.environment import child_variables
from sabench.measure.processor import processor_name
from sabench.stats import quantile

LIMITS = (1.1, 1.15, 1.2, 1.25, 1.3, 1.5)
FAST, SLOW = 1.1, 1.6  # times a fast call: between them it was fast for a part
AMONG_THE_FASTEST = 0.1
WARM_CALLS = 50


def main() -> int:
    """Pin, warm up, call and read, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    seconds = parser.parse_args().seconds
    wanted = child_variables("cpu", 1)
    if any(os.environ.get(key) != value for key, value in wanted.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | wanted)
    (core,) = choose_cores(1, allowed_cores())
    os.sched_setaffinity(0, {core})
    calls, readings = observe(seconds)
    print(f"{processor_name()}, core {core}: {len(calls)} calls in {seconds:.0f} s")
    for line in lines_of(calls, readings):
        print(line)
    return 0


def observe(seconds: float) -> tuple[list[float], list[float]]:
    """Seconds of each call, and a reading more than there are calls."""
    import torch

    torch.set_num_threads(1)
    layer = torch.nn.Conv2d(64, 64, 3, padding=1, bias=False).eval()
    image, speed, calls = torch.rand(1, 64, 56, 56), CoreSpeed(), list[float]()
    with torch.inference_mode():
        for _ in range(WARM_CALLS):
            layer(image)
        end, readings = time.perf_counter() + seconds, [speed.read()]
        while time.perf_counter() < end:
            start = time.perf_counter()
            layer(image)
            calls.append(time.perf_counter() - start)
            readings.append(speed.read())
    return calls, readings


def lines_of(calls: list[float], readings: list[float]) -> list[str]:
    """Calls by how long they took beside a fast one, and the worse reading beside each."""
    fast, best = quantile(calls, AMONG_THE_FASTEST), quantile(readings, LOW)
    worse = [max(pair) / best for pair in pairwise(readings)]
    took = [call / fast for call in calls]
    kinds = {
        f"up to {FAST} of a fast call ({1e3 * fast:.2f} ms)": (0.0, FAST),
        "between": (FAST, SLOW),
        f"above {SLOW}": (SLOW, float("inf")),
    }
    lines = [f"best reading {best:.3f}; the worse of the two beside a call, over that:"]
    beside = {
        kind: [one for one, call in zip(worse, took, strict=True) if low < call <= high]
        for kind, (low, high) in kinds.items()
    }
    for kind, ratios in beside.items():
        told = " ".join(f"{quantile(ratios, q):.2f}" for q in (0.03, 0.1, 0.5, 0.9, 0.97) if ratios)
        share = len(ratios) / len(calls)
        lines.append(f"  calls {kind:<32} {share:6.1%} of them; 3, 10, 50, 90, 97 %: {told}")
    for limit in LIMITS:
        rejected = [
            f"{sum(one > limit for one in ratios) / len(ratios):6.1%} of those {kind}"
            for kind, ratios in beside.items()
            if ratios
        ]
        kept = [call for call, one in zip(took, worse, strict=True) if one <= limit]
        median = f"{quantile(kept, 0.5):.3f}" if kept else "none"
        lines.append(f"  limit {limit:<4} rejects {', '.join(rejected)}; median kept {median}")
    return lines


if __name__ == "__main__":
    sys.exit(main())
