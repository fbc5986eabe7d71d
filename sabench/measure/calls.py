"""One call of a subject in its mode: forward, forward and backward, or a whole step."""

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial

import torch
from torch import Tensor, nn

from sabench.measure.execution import AllocatedPeak, Execution, Output, PeakSince
from sabench.measure.subject import Subject

AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}
LEARNING_RATE = 1e-6  # a step must cost what it costs and change the figures of no later call
MOMENTUM = 0.9


def watch_allocated(device: str) -> PeakSince:
    """Begin a new peak; what comes back tells it. torch keeps none on the CPU."""
    if device == "cpu" or not torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        return lambda: None
    held = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    return lambda: AllocatedPeak(held, torch.cuda.max_memory_allocated(device))


def execution_of(subject: Subject, module: nn.Module) -> Execution:
    """The call that the subject's mode asks for, through `module` (the subject's, or compiled)."""
    looks = partial(is_finite, subject)
    peak = partial(watch_allocated, subject.device)
    if subject.case.mode == "forward":
        return Execution(_forward(subject, module), torch.inference_mode, looks, peak)
    return Execution(_training(subject, module), nullcontext, looks, peak)


def _forward(subject: Subject, module: nn.Module) -> Callable[[], Output]:
    x, case = subject.x, subject.case
    checked = _tensor if case.kind == "layer" else _answer
    if case.autocast == "none":
        return lambda: checked(module(x))
    kind, dtype = torch.device(subject.device).type, AUTOCAST[case.autocast]

    def call() -> Output:
        with torch.autocast(kind, dtype=dtype):
            return checked(module(x))

    return call


def _training(subject: Subject, module: nn.Module) -> Callable[[], Output]:
    """The loss is the sum of all outputs times fixed numbers: no gradient is trivial."""
    forward, case = _forward(subject, module), subject.case
    parameters = list(subject.module.parameters())
    leaves = leaves_of(subject)
    if case.kind == "layer":  # inside a network it hands a gradient on
        subject.x.requires_grad_(True)
    optimizer = None
    if case.mode == "step" and parameters:
        optimizer = torch.optim.SGD(parameters, lr=LEARNING_RATE, momentum=MOMENTUM)
    weights: tuple[Tensor, ...] = ()

    def call() -> Output:
        nonlocal weights
        drop_gradients(leaves)
        out = forward()
        if not weights:  # made by the first call, which tells their shapes
            weights = _fixed_numbers(tensors_of(out), subject.seed + 1)
        answer: Output
        if isinstance(out, tuple):
            sums = [(one * weight).sum() for one, weight in zip(out, weights, strict=True)]
            loss, answer = torch.stack(sums).sum(), tuple(one.detach() for one in out)
        else:
            loss, answer = (out * weights[0]).sum(), out.detach()
        torch.autograd.backward(loss)
        if optimizer is not None:
            optimizer.step()
        return answer

    return call


def leaves_of(subject: Subject) -> list[Tensor]:
    """What a backward pass may leave a gradient on."""
    return [*subject.module.parameters(), subject.x]


def drop_gradients(leaves: list[Tensor]) -> None:
    """Forget the last call's gradients."""
    for leaf in leaves:
        leaf.grad = None


def tensors_of(out: Output) -> tuple[Tensor, ...]:
    """All that a call gives."""
    return out if isinstance(out, tuple) else (out,)


def is_finite(subject: Subject, out: Output) -> bool:
    """Whether every output, and every gradient that a backward pass left, is finite."""
    gradients = (one.grad for one in subject.module.parameters())
    found = [*tensors_of(out), *(gradient for gradient in gradients if gradient is not None)]
    return all(bool(torch.isfinite(one).all()) for one in found)


def _fixed_numbers(outs: tuple[Tensor, ...], seed: int) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    numbers = [torch.empty(one.shape).uniform_(-1, 1, generator=generator) for one in outs]
    pairs = zip(numbers, outs, strict=True)
    return tuple(drawn.to(device=one.device, dtype=one.dtype) for drawn, one in pairs)


def _tensor(out: object) -> Tensor:
    if not isinstance(out, Tensor):
        raise TypeError(f"the module returns a {type(out).__name__}, not a tensor")
    return out


def _answer(out: object) -> Output:
    """A network's may have several parts."""
    if isinstance(out, tuple) and out:
        return tuple(_tensor(one) for one in out)
    return _tensor(out)
