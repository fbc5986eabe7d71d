"""What a device can do at most, measured: copying, multiplying, exponentials.

Both ways of multiplying: on a CPU products of matrices and convolutions come from two libraries
that differ by a factor of two.
"""

from collections.abc import Callable
from functools import partial

import torch

from sabench.measure.timer import Call, Timer

BLOCKS = 20  # the best of them: whatever held the others back was no bound


def measure_ceilings(device: str, dtype: torch.dtype, timer: Timer) -> dict[str, float]:
    """Amount a second, by name: bytes copied, MACs of both kinds, exponentials.

    TF32 and threads are as they were set before.
    """
    with torch.inference_mode():
        makers = {"copy": _copy, "matmul": _matmul, "conv": _conv, "exp": _exp}
        return {name: _best(timer, *make(device, dtype)) for name, make in makers.items()}


def _best(timer: Timer, call: Call, amount: int) -> float:
    call()
    timer.calibrate(call, timer.once(call))
    return amount / min(block.seconds for block in timer.chunk(call, BLOCKS))


def _copy(device: str, dtype: torch.dtype) -> tuple[Call, int]:
    """Bytes read and written, of more than any cache holds."""
    size = 2**27 if device == "cpu" else 2**30
    x = torch.ones(size // dtype.itemsize, device=device, dtype=dtype)
    y = torch.empty_like(x)
    return partial(y.copy_, x), 2 * size


def _matmul(device: str, dtype: torch.dtype) -> tuple[Call, int]:
    side = 1024 if device == "cpu" else 8192
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


def _exp(device: str, dtype: torch.dtype) -> tuple[Call, int]:
    """Of numbers that a cache holds, on the CPU; in fp32, as a softmax takes them."""
    size = 2**16 if device == "cpu" else 2**26
    x = torch.rand(size, device=device)
    return partial(torch.exp, x, out=torch.empty_like(x)), size
