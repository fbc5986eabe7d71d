"""What a device can do at most, measured: moving bytes, multiplying, exponentials.

Both ways of multiplying: on a CPU products of matrices and convolutions come from two libraries
that differ by a factor of two.
"""

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec

import torch

from sabench.cases.floor import LeastWork
from sabench.measure.timer import Call, Timer

FEWEST_BLOCKS, MOST_BLOCKS = 5, 20  # the best counts: whatever held the others back was no bound
BLOCKS_S = 0.1  # for more than the fewest
FEW_THREADS = 4
LEAST_MOVED, MOST_MOVED = 2**16, 2**28  # bytes


def moved_bytes(work: LeastWork) -> int:
    """What the work moves at least, as a power of two: ceilings of like cases are one."""
    size = 1 << (work.bytes - 1).bit_length() if work.bytes else 0
    return min(max(size, LEAST_MOVED), MOST_MOVED)


def measure_ceilings(
    device: str, dtype: torch.dtype, moved_bytes: int, timer: Timer
) -> dict[str, float]:
    """Amount a second, by name: bytes moved, MACs of both kinds, exponentials.

    Bytes are copied and read in pieces of `moved_bytes` in all, which may lie in a cache. TF32 and
    threads are as they were set before. Without triton a CUDA device has no `exp`.
    """
    makers: dict[str, Callable[[], tuple[Call, int] | None]] = {
        "copy": lambda: _copy(device, dtype, moved_bytes),
        "read": lambda: _read(device, dtype, moved_bytes),
        "matmul": lambda: _matmul(device, dtype),
        "conv": lambda: _conv(device, dtype),
        "exp": lambda: _exp(device),
    }
    with torch.inference_mode():
        made = {name: make() for name, make in makers.items()}
        return {name: _best(timer, *one) for name, one in made.items() if one is not None}


def _best(timer: Timer, call: Call, amount: int) -> float:
    call()
    once_s = timer.once(call)
    timer.calibrate(call, once_s)
    blocks = min(max(FEWEST_BLOCKS, int(BLOCKS_S / once_s)), MOST_BLOCKS)
    return amount / min(block.seconds for block in timer.chunk(call, blocks))


def _copy(device: str, dtype: torch.dtype, moved_bytes: int) -> tuple[Call, int]:
    """Half of the bytes are read, half written."""
    x = torch.ones(moved_bytes // 2 // dtype.itemsize, device=device, dtype=dtype)
    y = torch.empty_like(x)
    return partial(y.copy_, x), 2 * x.nbytes


def _read(device: str, dtype: torch.dtype, moved_bytes: int) -> tuple[Call, int]:
    x = torch.ones(moved_bytes // dtype.itemsize, device=device, dtype=dtype)
    return x.sum, x.nbytes


def _matmul(device: str, dtype: torch.dtype) -> tuple[Call, int]:
    side = 8192
    if device == "cpu":  # few threads are the fastest where all of it lies in their caches
        side = 512 if torch.get_num_threads() <= FEW_THREADS else 1024
    a, b = (torch.rand(side, side, device=device).to(dtype) for _ in range(2))
    return partial(torch.mm, a, b, out=torch.empty_like(a)), side**3


def _conv(device: str, dtype: torch.dtype) -> tuple[Call, int]:
    """3 x 3, 256 channels, 28 px: a ResNet's."""
    batch, channels, side = (1 if device == "cpu" else 64), 256, 28
    x = torch.rand(batch, channels, side, side, device=device).to(dtype)
    layer: Callable[[torch.Tensor], torch.Tensor] = torch.nn.Conv2d(
        channels, channels, 3, padding=1, bias=False, device=device, dtype=dtype
    ).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    x = x.contiguous(memory_format=torch.channels_last)
    return partial(layer, x), batch * side * side * 9 * channels * channels


def _exp(device: str) -> tuple[Call, int] | None:
    """In fp32, as a softmax takes them; of numbers that lie in a cache, on a GPU in registers."""
    if device != "cpu":
        if find_spec("triton") is None:
            return None
        from sabench.measure.exp_kernel import exponentials

        return exponentials(device)
    x = torch.rand(2**14)
    return partial(torch.exp, x, out=torch.empty_like(x)), x.numel()
