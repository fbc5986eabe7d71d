"""Which parameters a score sees, and why it does not see the others."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from sabench.train.scores.scored import UndefinedScoreError, Unseen

NO_PATH = "no path to what is scored"
FEW_AXES = ("no axis: a scalar", "one axis: bias or norm")


def weights_of(module: nn.Module) -> dict[str, nn.Parameter]:
    """Every parameter tensor of at least two axes by name, whatever module holds it.

    Raises: UndefinedScoreError if there is none.
    """
    weights = {
        name: parameter
        for name, parameter in module.named_parameters()
        if parameter.ndim >= 2 and parameter.requires_grad
    }
    if not weights:
        told = f"{type(module).__name__} has no parameter of two axes"
        raise UndefinedScoreError(f"{told}, so there is no weight to score; score a network")
    return weights


def reached(total: Tensor, module: nn.Module) -> set[str]:
    """The parameters that a tensor depends on."""
    if not total.requires_grad:
        return set()
    named = {name: one for name, one in module.named_parameters() if one.requires_grad}
    gradients = torch.autograd.grad(total.sum(), list(named.values()), allow_unused=True)
    return {name for name, grad in zip(named, gradients, strict=True) if grad is not None}


def unseen_of(
    module: nn.Module, seen: Iterable[str], reasons: Mapping[str, str] | None = None
) -> tuple[Unseen, ...]:
    """Every parameter that is not among the seen ones, with its reason.

    The reason is the given one, else that it has fewer than two axes, else NO_PATH.
    """
    seen, given = set(seen), reasons or {}
    return tuple(
        (name, given.get(name) or (FEW_AXES[one.ndim] if one.ndim < 2 else NO_PATH))
        for name, one in module.named_parameters()
        if name not in seen
    )
