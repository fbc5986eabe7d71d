"""The peak of a call on a CUDA device, in order, by the stand-in."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from fakes.cuda_stand_in import DEVICE, CudaStandIn
from sabench.measure.metrics import memory


class Counted(CudaStandIn):
    """Holds forty bytes for every gradient that somebody keeps."""

    leaves: tuple[torch.Tensor, ...] = ()

    def memory_allocated(self, device: str) -> int:
        return 100 + sum(one.grad is not None for one in self.leaves) * 40


def test_the_peak_is_read_after_the_work_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = Counted()
    monkeypatch.setattr(memory, "torch", SimpleNamespace(cuda=cuda))
    monkeypatch.setattr(memory, "process_memory", lambda name: "not told")
    module, x = nn.Linear(2, 2), torch.ones(1, 2, requires_grad=True)
    module(x).sum().backward()  # the call before left its gradients
    cuda.leaves = (x, *module.parameters())
    subject = SimpleNamespace(device=DEVICE, module=module, x=x)
    execution = SimpleNamespace(call=cuda.call, first_peak=None)
    found = memory.measure(subject, execution, None)  # type: ignore[arg-type]
    steps = ["synchronize", "empty_cache", "reset_peak", "call", "call", "synchronize"]
    assert cuda.log == steps
    assert found["peak_allocated"].median == 350 - 100
    assert found["peak_reserved"].median == 512
    assert found["process_memory"].reason == "not told"
