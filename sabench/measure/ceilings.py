"""What a device can do at most, measured: moving bytes, multiplying, exponentials.

Both ways of multiplying: on a CPU products of matrices and convolutions come from two libraries
that differ by a factor of two.
"""

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec

import torch

from sabench.cases.floor import LeastWork
from sabench.measure.faults import is_device_fault, is_out_of_memory
from sabench.measure.timer import Call, Timer

MOST_BLOCKS = 20  # the best counts: whatever held the others back was no bound
BLOCKS_S = 0.2  # of one ceiling; a single block where a call takes as long
FEW_THREADS = 4
LEAST_MOVED, MOST_MOVED = 2**18, 2**28  # bytes; of less a call's own overhead would be the rate


def moved_bytes(work: LeastWork) -> int:
    """What the work moves at least, rounded down to a power of two: like cases have one ceiling,
    and that of what fits a cache holds for what just does not."""
    size = 1 << work.bytes.bit_length() - 1 if work.bytes else 0
    return min(max(size, LEAST_MOVED), MOST_MOVED)


def measure_ceilings(
    device: str, dtype: torch.dtype, moved_bytes: int, timer: Timer
) -> dict[str, float | str]:
    """Amount a second, by name: bytes moved, MACs of both kinds, exponentials; or why none.

    Bytes are copied and read in pieces of `moved_bytes` in all, which may lie in a cache. TF32 and
    threads are as they were set before. Without triton a CUDA device has no `exp`.
    Raises: what tells that memory ran out, or that the device is in doubt.
    """
    return {name: measure_ceiling(name, device, dtype, moved_bytes, timer) for name in CEILINGS}


def measure_ceiling(
    name: str, device: str, dtype: torch.dtype, moved_bytes: int, timer: Timer
) -> float | str:
    """One of them: an operator that cannot be made or called costs its own ceiling alone."""
    try:
        with torch.inference_mode():
            made = CEILINGS[name](device, dtype, moved_bytes)
            return _best(timer, *made) if made else "no triton to take exponentials with"
    except Exception as error:
        if is_out_of_memory(error) or is_device_fault(error):
            raise
        return f"{type(error).__name__}: {error}".partition("\n")[0]


def _best(timer: Timer, call: Call, amount: int) -> float:
    call()
    once_s = timer.once(call)
    timer.calibrate(call, once_s)
    blocks = min(max(1, int(BLOCKS_S / once_s)), MOST_BLOCKS)
    return amount / min(block.seconds for block in timer.chunk(call, blocks))


def _copy(device: str, dtype: torch.dtype, moved_bytes: int) -> tuple[Call, int]:
    """Half of the bytes are read, half written."""
    x = torch.ones(moved_bytes // 2 // dtype.itemsize, device=device, dtype=dtype)
    y = torch.empty_like(x)
    return partial(y.copy_, x), 2 * x.nbytes


def _read(device: str, dtype: torch.dtype, moved_bytes: int) -> tuple[Call, int]:
    x = torch.ones(moved_bytes // dtype.itemsize, device=device, dtype=dtype)
    return x.sum, x.nbytes


def _matmul(device: str, dtype: torch.dtype, _moved_bytes: int) -> tuple[Call, int]:
    side = 8192
    if device == "cpu":  # few threads are the fastest where all of it lies in their caches
        side = 512 if torch.get_num_threads() <= FEW_THREADS else 1024
    a, b = (torch.rand(side, side, device=device).to(dtype) for _ in range(2))
    return partial(torch.mm, a, b, out=torch.empty_like(a)), side**3


def _conv(device: str, dtype: torch.dtype, _moved_bytes: int) -> tuple[Call, int]:
    """3 x 3, 256 channels, 28 px: a ResNet's."""
    batch, channels, side = (1 if device == "cpu" else 64), 256, 28
    x = torch.rand(batch, channels, side, side, device=device).to(dtype)
    layer: Callable[[torch.Tensor], torch.Tensor] = torch.nn.Conv2d(
        channels, channels, 3, padding=1, bias=False, device=device, dtype=dtype
    ).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    x = x.contiguous(memory_format=torch.channels_last)
    return partial(layer, x), batch * side * side * 9 * channels * channels


def _exp(device: str, _dtype: torch.dtype, _moved_bytes: int) -> tuple[Call, int] | None:
    """In fp32, as a softmax takes them; of numbers that lie in a cache, on a GPU in registers."""
    if device != "cpu":
        if find_spec("triton") is None:
            return None
        from sabench.measure.exp_kernel import exponentials

        return exponentials(device)
    x = torch.rand(2**14)
    return partial(torch.exp, x, out=torch.empty_like(x)), x.numel()


Maker = Callable[[str, torch.dtype, int], tuple[Call, int] | None]

CEILINGS: dict[str, Maker] = {
    "copy": _copy,
    "read": _read,
    "matmul": _matmul,
    "conv": _conv,
    "exp": _exp,
}
"""Each makes a call and the amount of work it does; None where the device cannot."""
