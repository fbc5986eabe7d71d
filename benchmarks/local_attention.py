"""Blocked self-attention against a plain unfold: time in one process, peak memory apart.

    python benchmarks/local_attention.py [--channels 128] [--window 7] [--rounds 60]

Prints time(unfold) / time(blocked) at 28 pixels with its 95 % interval, forward in fp32 on one
thread, and by how much one call at 56 pixels raises the process's peak memory (Linux). The plain
unfold multiplies and sums over torch's `unfold`: of four formulations tried none was faster.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

SETTINGS = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "MALLOC_MMAP_THRESHOLD_": "1073741824",
    "MALLOC_TRIM_THRESHOLD_": "4294967296",
    "MALLOC_TOP_PAD_": "268435456",
}
"""Must stand in the environment before the process starts: big tensors are not mapped anew."""

TIMED_SIZE, MEMORY_SIZE = 28, 56
Calls = dict[str, Callable[[], object]]


def main() -> None:
    """Print both figures; with --memory-of only the bytes of one side, in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--channels", type=int, default=128)
    parser.add_argument("--window", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=60, help="each times both sides twice")
    parser.add_argument("--memory-of", choices=["unfold", "blocked"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if any(os.environ.get(name) != value for name, value in SETTINGS.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **SETTINGS})
    if options.memory_of:
        print(peak_growth(options.channels, options.window, options.memory_of))
        return
    case = f"self_attention window={options.window} channels={options.channels}"
    ratios = timed_ratios(options.channels, options.window, options.rounds)
    print(f"{case} size={TIMED_SIZE}: time(unfold) / time(blocked) = {described(ratios)}")
    grown = {name: memory_apart(name) for name in ("unfold", "blocked")}
    megabytes = ", ".join(f"{name} {size / 1e6:.1f} MB" for name, size in grown.items())
    share = grown["blocked"] / grown["unfold"]
    print(
        f"{case} size={MEMORY_SIZE}: peak memory grows by {megabytes}: blocked / unfold {share:.2f}"
    )


def sides(channels: int, window: int, size: int) -> Calls:
    """Both computations, with the same weights and input."""
    import torch
    from torch.nn.functional import unfold

    from sabench.catalog.layers.self_attention import SELF_ATTENTION, SelfAttentionOptions
    from sabench.layers.build import build_layer

    torch.set_num_threads(1)
    torch.manual_seed(0)
    options = SelfAttentionOptions(window=window)
    layer = build_layer(
        *(SELF_ATTENTION, options, channels, channels),
        size=(size, size),
        implementation="blocked",
    )
    rows, columns = layer.get_parameter("rows"), layer.get_parameter("columns")
    x = torch.rand(1, channels, size, size) * 2 - 1

    @torch.no_grad()
    def blocked() -> torch.Tensor:
        return layer(x)

    @torch.no_grad()
    def unfolded() -> torch.Tensor:
        heads, keys, half = options.heads, window**2, window // 2
        q, k, v = layer.get_submodule("to_qkv")(x).chunk(3, dim=1)
        q = q.view(1, heads, -1, 1, size**2)
        k = unfold(k, window, padding=half).view(1, heads, -1, keys, size**2)
        v = unfold(v, window, padding=half).view(1, heads, -1, keys, size**2)
        r = [rows[:, None].expand(-1, window, -1), columns[None].expand(window, -1, -1)]
        r = torch.cat(r, dim=-1).reshape(keys, -1).t()[:, :, None]  # (d, kk, 1)
        logits = (q * (k + r)).sum(2)  # (B, n, kk, HW)
        real = unfold(torch.ones(1, 1, size, size), window, padding=half).view(keys, -1)
        weights = logits.masked_fill_(real == 0, -torch.inf).softmax(2)
        return (weights[:, :, None] * v).sum(3).view(1, channels, size, size)

    return {"unfold": unfolded, "blocked": blocked}


def timed_ratios(channels: int, window: int, rounds: int) -> list[float]:
    """One ratio a round; a round is unfold, blocked, blocked, unfold. Both must agree."""
    import torch

    calls = sides(channels, window, TIMED_SIZE)
    torch.testing.assert_close(calls["blocked"](), calls["unfold"](), rtol=1e-4, atol=1e-5)
    for call in calls.values():
        for _ in range(10):
            call()
    ratios = []
    for _ in range(rounds):
        spent = {"unfold": 0.0, "blocked": 0.0}
        for name in ("unfold", "blocked", "blocked", "unfold"):
            start = time.perf_counter()
            calls[name]()
            spent[name] += time.perf_counter() - start
        ratios.append(spent["unfold"] / spent["blocked"])
    return ratios


def described(ratios: list[float]) -> str:
    """Median, the distribution-free interval of the median, rounds."""
    from sabench.stats import median_interval

    interval = median_interval(ratios)
    bounds = f"[{interval.low:.2f}, {interval.high:.2f}]" if interval else "too few rounds"
    return f"{median(ratios):.2f}, 95 % interval {bounds}, {len(ratios)} rounds"


def memory_apart(name: str) -> int:
    """`peak_growth` in a process that has run nothing else."""
    command = [sys.executable, *sys.argv, "--memory-of", name]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def peak_growth(channels: int, window: int, name: str) -> int:
    """Bytes from the resident memory before the first call at MEMORY_SIZE to its peak.

    A call on a small map comes first: it loads the libraries.
    """
    sides(channels, window, 8)[name]()
    call = sides(channels, window, MEMORY_SIZE)[name]
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts at the present
    before = resident("VmRSS")
    call()
    return resident("VmHWM") - before


def resident(field: str) -> int:
    """Bytes that the kernel reports under `field`."""
    found = re.search(rf"^{field}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.M)
    assert found is not None
    return int(found[1]) * 1024


if __name__ == "__main__":
    main()
