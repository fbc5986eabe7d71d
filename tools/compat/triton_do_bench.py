"""Our cold median against triton's `do_bench`, for a kernel above 100 us, and both below 50.

    python tools/compat/triton_do_bench.py [--turns 10] [--size 4096]

Both flush the L2 before every call and stand event pairs around it; turns alternate in one process.
For a short kernel that is queued more slowly than it runs, ours flags `host_bound` and gives the
time in a graph; the figures are printed, nothing is demanded. Exit code: 0 within 2 %, 1 not,
77 skipped.
"""

import argparse
import sys
from statistics import median

import torch
from cold_product import DEVICE, cold_timer, compare, median_s, product, skip, why_not

from sabench.measure.cuda_graph import GraphTimer
from sabench.measure.cuda_timer import CudaTimer

SHORT = 512


def main() -> int:
    """Take the turns, say how far apart the tools are."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--size", type=int, default=4096)
    asked = parser.parse_args()
    try:
        from triton.testing import do_bench
    except ImportError as error:
        return skip(f"triton is not installed: {error}")
    if reason := why_not():
        return skip(reason)
    call, timer = product(asked.size), cold_timer()
    ours: list[float] = []
    theirs: list[float] = []
    for turn in range(asked.turns):
        for is_ours in (True, False) if turn % 2 else (False, True):
            if is_ours:
                ours.append(median_s(timer, call))
            else:
                theirs.append(1e-3 * do_bench(call, return_mode="median"))
    short = product(SHORT)
    warm, graph = CudaTimer(torch.cuda, DEVICE), GraphTimer(torch.cuda, DEVICE)
    events_s, graph_s = median_s(warm, short), median_s(graph, short)
    bench_s = 1e-3 * median(do_bench(short, return_mode="all"))
    flags = ", ".join(warm.flags) or "no flag"
    print(
        f"a short product: ours {1e6 * events_s:.2f} us warm ({flags}), {1e6 * graph_s:.2f} us in "
        f"a graph; do_bench {1e6 * bench_s:.2f} us"
    )
    return compare(ours, theirs, "do_bench")


if __name__ == "__main__":
    sys.exit(main())
