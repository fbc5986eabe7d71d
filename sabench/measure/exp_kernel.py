"""Exponentials in registers: how fast a GPU's special-function units are, memory left aside."""

from functools import partial

import torch
import triton
import triton.language as tl

from sabench.measure.timer import Call

REPEATS = 256
BLOCK = 1024
PROGRAMS = 4096  # more than any GPU runs at a time


@triton.jit
def repeat_exp(x, y, REPEATS: tl.constexpr, BLOCK: tl.constexpr):
    """Each number of x: REPEATS times the exponential of its negative, into y."""
    place = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    value = tl.load(x + place)
    for _ in range(REPEATS):
        value = tl.exp(-value)  # towards 0.567, where it stays
    tl.store(y + place, value)


def exponentials(device: str, programs: int = PROGRAMS) -> tuple[Call, int]:
    """A call, and how many exponentials it takes."""
    x = torch.rand(programs * BLOCK, device=device)
    launch = repeat_exp[(programs,)]
    return partial(launch, x, torch.empty_like(x), REPEATS, BLOCK), x.numel() * REPEATS
