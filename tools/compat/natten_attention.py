"""Our self-attention of window 7 beside NATTEN's neighbourhood attention: is ours no slower?

    python tools/compat/natten_attention.py [--turns 15] [--batch 64] [--device cuda:0]

The same queries, keys and values, as three stages of a network have them, in bf16 on CUDA. Neither
adds positions, so ours leaves out what it mostly is used with. Within the border both are the same
function, which is checked first; at the border NATTEN shifts its windows inwards. Turns alternate
in one process, warm. Demanded: the median over turns of their time over ours is surely (95 %) at
least 0.97: forward, and on CUDA forward and backward (NATTEN has no gradients on a CPU). Exit
code: 0 so at every stage, 1 not, 77 skipped.
"""

import argparse
import sys
import time
from collections.abc import Callable
from importlib import import_module
from statistics import median
from typing import Any

import torch
from cold_product import skip
from torch import Tensor

from sabench.catalog.attention import Geometry
from sabench.layers.kernels import blocked, triton
from sabench.stats import median_interval

STAGES = ((128, 56), (256, 28), (512, 14))  # channels, side of the map
HEADS, WINDOW = 8, 7
LEAST = 0.97
TURN_S = 0.05
ALLOWED = {torch.bfloat16: 2e-2, torch.float32: 1e-4}

Call = Callable[[], Tensor]


def main() -> int:
    """Compare the stages, say what held."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--device", default="cuda:0")
    asked = parser.parse_args()
    try:
        na2d: Any = import_module("natten.functional").na2d
    except ImportError as error:
        return skip(f"natten does not load: {error}")
    if asked.device != "cpu" and not torch.cuda.is_available():
        return skip("torch sees no CUDA device")
    if asked.device != "cpu" and not import_module("natten").HAS_LIBNATTEN:
        return skip("natten is built without its kernels: it would be an attention over all pixels")
    held = [
        stage_holds(na2d, maps(asked.device, asked.batch, channels, side), asked.turns)
        for channels, side in STAGES
    ]
    return 0 if all(held) else 1


def maps(device: str, batch: int, channels: int, side: int) -> list[Tensor]:
    """Queries, keys and values as NATTEN wants them: (B, H, W, n, d)."""
    generator = torch.Generator(device).manual_seed(0)
    shape = (batch, side, side, HEADS, channels // HEADS)
    dtype = torch.float32 if device == "cpu" else torch.bfloat16
    return [
        torch.randn(shape, device=device, dtype=dtype, generator=generator).requires_grad_(
            device != "cpu"
        )
        for _ in range(3)
    ]


def stage_holds(na2d: Any, made: list[Tensor], turns: int) -> bool:
    """Whether ours gives the same within the border, and is no slower both ways."""
    ours, theirs = calls(na2d, made)
    first, second = ours().float(), theirs().float()
    edge = WINDOW // 2
    within = (slice(None), slice(edge, -edge), slice(edge, -edge))
    error = (first[within] - second[within]).norm() / second[within].norm()
    same = float(error) <= ALLOWED[made[0].dtype]
    _, side, _, heads, width = made[0].shape
    print(f"{heads * width} channels, {side} px: they differ by {float(error):.1e} of their size")
    ways = {"forward": (without_gradients(ours), without_gradients(theirs))}
    if made[0].requires_grad:
        ways["forward_backward"] = (with_gradients(ours, made), with_gradients(theirs, made))
    held = [told(name, *paired(*way, made[0].device, turns)) for name, way in ways.items()]
    return same and all(held)


def calls(na2d: Any, made: list[Tensor]) -> tuple[Call, Call]:
    """Ours and theirs, on the same tensors; ours reads heads and maps in their strides."""
    kernel = triton.attend if made[0].is_cuda else blocked.attend
    geometry = Geometry((1, 1), WINDOW // 2, True, "mask", 1)

    def ours() -> Tensor:
        q, k, v = (x.permute(0, 3, 1, 2, 4) for x in made)
        return kernel(q, k, v, None, geometry).permute(0, 2, 3, 1, 4)

    def theirs() -> Tensor:
        found: Tensor = na2d(*made, kernel_size=WINDOW, scale=1.0)
        return found

    return ours, theirs


def without_gradients(call: Call) -> Callable[[], object]:
    """The call, forward alone."""

    def run() -> object:
        with torch.no_grad():
            return call()

    return run


def with_gradients(call: Call, made: list[Tensor]) -> Callable[[], object]:
    """The call, and the gradients of queries, keys and values."""
    upstream = torch.ones_like(call())
    return lambda: torch.autograd.grad(call(), made, upstream)


def paired(
    ours: Callable[[], object], theirs: Callable[[], object], device: torch.device, turns: int
) -> tuple[list[float], list[float]]:
    """Seconds of a call of each, turn by turn; who is first alternates."""
    taken: dict[bool, list[float]] = {True: [], False: []}
    repeats = {mine: repeats_of(call, device) for mine, call in ((True, ours), (False, theirs))}
    for turn in range(turns):
        for mine in (True, False) if turn % 2 else (False, True):
            call = ours if mine else theirs
            taken[mine].append(seconds_of(call, device, repeats[mine]) / repeats[mine])
    return taken[True], taken[False]


def repeats_of(call: Callable[[], object], device: torch.device) -> int:
    """Calls that fill a turn, after some that compile and warm up."""
    seconds_of(call, device, 3)
    return max(1, round(TURN_S / seconds_of(call, device, 1)))


def seconds_of(call: Callable[[], object], device: torch.device, repeats: int) -> float:
    """Of so many calls, the device idle before and after."""
    synchronise = torch.cuda.synchronize if device.type == "cuda" else torch.cpu.synchronize
    synchronise()
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    synchronise()
    return time.perf_counter() - start


def told(way: str, ours_s: list[float], theirs_s: list[float]) -> bool:
    """Print the figure; whether it holds."""
    ratios = [theirs / ours for ours, theirs in zip(ours_s, theirs_s, strict=True)]
    interval = median_interval(ratios)
    low = interval.low if interval else min(ratios)
    good = low >= LEAST
    print(
        f"  {way}: ours {1e6 * median(ours_s):.1f} us, NATTEN {1e6 * median(theirs_s):.1f} us; "
        f"{median(ratios):.3f} times as long, surely {low:.3f}, at least {LEAST}: "
        f"{'pass' if good else 'FAIL'}"
    )
    return good


if __name__ == "__main__":
    sys.exit(main())
