"""Which derivatives an operator is asked for that its own backward pass does not give."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch._C import _functorch
from torch._functorch.pyfunctorch import retrieve_current_functorch_interpreter
from torch.autograd.forward_ad import unpack_dual

FORWARD_MODE = "forward-mode derivatives"


def not_given(tensors: Sequence[Tensor]) -> str:
    """In words; empty where autograd's backward pass is all that is wanted of them, or nothing.

    Transforms of `torch.func` nest, each with a wrapper of its own around what it transforms, and
    an operator without a rule drops the tangents of any of them silently: all are looked through.
    Compiled, every transform counts: there is no telling whose wrapper a tensor has.
    """
    if torch.compiler.is_compiling():
        if torch._C._are_functorch_transforms_active():
            return "transforms of torch.func, compiled"
        return _of_level(tensors)
    if _functorch.peek_interpreter_stack() is None:
        return _of_level(tensors)
    transform = retrieve_current_functorch_interpreter()
    if transform.key() != _functorch.TransformType.Vmap:
        if found := _of_level(tensors):
            return found
        mine = [one for one in tensors if _functorch.maybe_get_level(one) == transform.level()]
        if torch.is_grad_enabled() and any(one.requires_grad for one in mine):
            return "gradients by torch.func"
    inner = [_within(one, transform.level()) for one in tensors]
    with transform.lower():
        return not_given(inner)


def _of_level(tensors: Sequence[Tensor]) -> str:
    """A tangent of the innermost transform; without one, of `torch.autograd.forward_ad`."""
    tangents = (unpack_dual(one).tangent for one in tensors)  # type: ignore[no-untyped-call]
    return FORWARD_MODE if any(one is not None for one in tangents) else ""


def _within(x: Tensor, level: int) -> Tensor:
    """What a transform's wrapper holds; what it did not wrap is itself."""
    if _functorch.is_functorch_wrapped_tensor(x) and _functorch.maybe_get_level(x) == level:
        return _functorch.get_unwrapped(x)
    return x
