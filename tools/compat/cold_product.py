"""What the comparisons on a GPU share: one matrix product, timed cold by us, and the verdict."""

from collections.abc import Callable
from statistics import median

import torch

from sabench.measure.cuda_cold import ColdTimer, l2_bytes, make_flush
from sabench.measure.cuda_timer import CudaTimer

DEVICE = "cuda:0"
SKIPPED = 77  # the exit code of a test that could not be made
SAMPLES = 128
WARM_UPS = 20
WITHIN = 0.02
LONG_S = 100e-6  # the demand holds for kernels above this


def skip(reason: str) -> int:
    """Say why nothing was compared."""
    print(f"skipped: {reason}")
    return SKIPPED


def why_not() -> str:
    """Why there is no device to compare on; empty if there is one."""
    return "" if torch.cuda.is_available() else "torch sees no CUDA device"


def product(size: int) -> Callable[[], object]:
    """A product of two square matrices in bf16, into memory of its own."""
    generator = torch.Generator(DEVICE).manual_seed(0)
    a, b = (
        torch.rand(size, size, device=DEVICE, dtype=torch.bfloat16, generator=generator)
        for _ in range(2)
    )
    out = torch.empty_like(a)
    return lambda: torch.mm(a, b, out=out)


def cold_timer() -> ColdTimer:
    """Ours, L2 flushed before every call."""
    l2 = l2_bytes(torch.cuda, DEVICE)
    return ColdTimer(torch.cuda, DEVICE, make_flush(DEVICE, l2))


def median_s(timer: CudaTimer, call: Callable[[], object]) -> float:
    """Our median of a call that is warmed up."""
    for _ in range(WARM_UPS):
        timer.once(call)
    timer.calibrate(call, 0.0)
    return median(block.seconds for block in timer.chunk(call, SAMPLES))


def compare(ours_s: list[float], theirs_s: list[float], name: str) -> int:
    """Print both medians and the verdict; the exit code."""
    ours, theirs = median(ours_s), median(theirs_s)
    ratio = ours / theirs
    print(
        f"cold: ours {1e6 * ours:.2f} us ({1e6 * min(ours_s):.2f} to {1e6 * max(ours_s):.2f}), "
        f"{name} {1e6 * theirs:.2f} us ({1e6 * min(theirs_s):.2f} to {1e6 * max(theirs_s):.2f})"
    )
    if theirs < LONG_S:
        return skip(f"the kernel takes {1e6 * theirs:.0f} us here; --size makes it longer")
    good = abs(ratio - 1) <= WITHIN
    print(f"ratio {ratio:.4f}, demanded within {WITHIN:.0%}: {'pass' if good else 'FAIL'}")
    return 0 if good else 1
