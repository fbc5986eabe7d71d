"""torch for a module under test: torch.cuda stands in, and buffers on the device are only noted."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from fakes.cuda_stand_in import DEVICE, CudaStandIn


class Buffer:
    """Memory on the device: written whole it is a flush, copied it is a call."""

    def __init__(self, cuda: CudaStandIn, size: int) -> None:
        self.cuda, self.size = cuda, size

    def zero_(self) -> "Buffer":
        assert self.size >= max(2 * self.cuda.l2, 32 * 2**20), "a flush buffer that L2 survives"
        self.cuda.flush()
        return self

    def copy_(self, source: "Buffer") -> "Buffer":
        assert source.size + self.size <= self.cuda.l2 / 2 or not self.cuda.l2
        self.cuda.call()
        return self


class TorchStandIn:
    """torch, but for what touches the device."""

    def __init__(self, cuda: CudaStandIn) -> None:
        self.cuda = cuda

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)

    def empty(self, size: Any, *, device: str = "cpu", dtype: torch.dtype | None = None) -> Any:
        """On the host the real thing; either way none of it during a capture."""
        self.cuda.allocate(f"a tensor on {device}")
        if device == "cpu":
            return torch.empty(size, dtype=dtype)
        assert device == DEVICE
        return Buffer(self.cuda, size)

    @contextmanager
    def autocast(self, kind: str, *, dtype: torch.dtype) -> Iterator[None]:
        self.cuda.log.append(f"autocast {kind} {dtype}")
        yield

    def empty_like(self, other: Buffer) -> Buffer:
        self.cuda.allocate("a tensor")
        return Buffer(self.cuda, other.size)


def put_in(monkeypatch: pytest.MonkeyPatch, cuda: CudaStandIn, *modules: ModuleType) -> None:
    """These modules see the stand-in for torch."""
    for module in modules:
        monkeypatch.setattr(module, "torch", TorchStandIn(cuda))


class StandInLayer(nn.Module):
    """A layer whose forward pass is one call of the stand-in."""

    def __init__(self, cuda: CudaStandIn) -> None:
        super().__init__()
        self.cuda = [cuda]  # no module, no tensor: copied by reference
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        self.cuda[0].call()
        return x * self.weight

    def __deepcopy__(self, memo: dict[int, Any]) -> "StandInLayer":
        return StandInLayer(self.cuda[0])
