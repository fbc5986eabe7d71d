"""One call of a subject in its mode: forward, forward and backward, or a whole step."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sabench.measure.compiler import Compilation
from sabench.measure.resident_memory import ResidentMemory
from sabench.measure.subject import Subject

AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}
LEARNING_RATE = 1e-6  # a step must cost what it costs and change the figures of no later call
MOMENTUM = 0.9


@dataclass(frozen=True, slots=True)
class AllocatedPeak:
    """Bytes of torch's allocator on a device: held before a call, and the most during it."""

    held: int
    peak: int


@dataclass(slots=True)
class Execution:
    """A subject ready to run. `compile_s` and `first_call_s` are None until they are known."""

    call: Callable[[], Tensor]  # the output; a backward pass has run by the time it is there
    context: Callable[[], AbstractContextManager[object]]  # entered once around many calls
    compile_s: float | None = None
    first_call_s: float | None = None
    growth_start: ResidentMemory | None = None  # read right before the first call
    first_peak: ResidentMemory | None = None  # read right after the first call
    first_allocated: AllocatedPeak | None = None  # of the first call, where torch keeps a peak
    compilation: Compilation | None = None  # where the runtime compiles


def watch_allocated(device: str) -> Callable[[], AllocatedPeak | None]:
    """Begin a new peak; what comes back tells it. torch keeps none on the CPU."""
    if device == "cpu" or not torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        return lambda: None
    held = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    return lambda: AllocatedPeak(held, torch.cuda.max_memory_allocated(device))


def execution_of(subject: Subject, module: nn.Module) -> Execution:
    """The call that the subject's mode asks for, through `module` (the subject's, or compiled)."""
    if subject.case.mode == "forward":
        return Execution(_forward(subject, module), torch.inference_mode)
    return Execution(_training(subject, module), nullcontext)


def _forward(subject: Subject, module: nn.Module) -> Callable[[], Tensor]:
    x, case = subject.x, subject.case
    if case.autocast == "none":
        return lambda: _tensor(module(x))
    kind, dtype = torch.device(subject.device).type, AUTOCAST[case.autocast]

    def call() -> Tensor:
        with torch.autocast(kind, dtype=dtype):
            return _tensor(module(x))

    return call


def _training(subject: Subject, module: nn.Module) -> Callable[[], Tensor]:
    """The loss is the sum of the output times fixed numbers: no gradient is trivial."""
    forward, case = _forward(subject, module), subject.case
    parameters = list(subject.module.parameters())
    leaves = leaves_of(subject)
    if case.kind == "layer":  # inside a network it hands a gradient on
        subject.x.requires_grad_(True)
    optimizer = None
    if case.mode == "step" and parameters:
        optimizer = torch.optim.SGD(parameters, lr=LEARNING_RATE, momentum=MOMENTUM)
    weight: Tensor | None = None

    def call() -> Tensor:
        nonlocal weight
        drop_gradients(leaves)
        out = forward()
        if weight is None:  # made by the first call, which tells its shape
            weight = _fixed_numbers(out, subject.seed + 1)
        loss = (out * weight).sum()
        torch.autograd.backward(loss)
        if optimizer is not None:
            optimizer.step()
        return out.detach()

    return call


def leaves_of(subject: Subject) -> list[Tensor]:
    """What a backward pass may leave a gradient on."""
    return [*subject.module.parameters(), subject.x]


def drop_gradients(leaves: list[Tensor]) -> None:
    """Forget the last call's gradients."""
    for leaf in leaves:
        leaf.grad = None


def is_finite(subject: Subject, out: Tensor) -> bool:
    """Whether an output, and every gradient that a backward pass left, is finite."""
    gradients = (one.grad for one in subject.module.parameters())
    found = [out, *(gradient for gradient in gradients if gradient is not None)]
    return all(bool(torch.isfinite(one).all()) for one in found)


def _fixed_numbers(out: Tensor, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    numbers = torch.empty(out.shape).uniform_(-1, 1, generator=generator)
    return numbers.to(device=out.device, dtype=out.dtype)


def _tensor(out: object) -> Tensor:
    if not isinstance(out, Tensor):
        raise TypeError(f"the module returns a {type(out).__name__}, not a tensor")
    return out
