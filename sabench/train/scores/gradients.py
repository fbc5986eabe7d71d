"""Three scores of the loss's gradient: grad_norm, snip, grasp."""

import re
from collections.abc import Callable

import torch
from pydantic import JsonValue
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from sabench.catalog.scores import find_score
from sabench.train.scores.copies import outputs_of, prepared_whole
from sabench.train.scores.minibatch import Minibatch
from sabench.train.scores.scored import Scored, UndefinedScoreError
from sabench.train.scores.seen import unseen_of, weights_of


@torch.enable_grad()
def grad_norm(
    module: nn.Module, batch: Minibatch, *, chunks: int = 1, variant: str | None = None
) -> Scored:
    """Sum over weight tensors of the Euclidean norm of dL/dW.

    Source: Abdelfattah et al. 2021 (arXiv:2101.08134), its code: the sum of the tensors' norms,
    not the norm of the whole gradient. With variant="batch_statistics" batch norms use those of
    the batch, as in that code; then it cannot be split.
    Raises: UndefinedScoreError if no weight reaches the loss; otherwise as `prepared_whole`.
    """
    find_score("grad_norm").check(variant)
    return _summed(module, batch, chunks, variant, lambda weight, gradient: gradient.norm())


@torch.enable_grad()
def snip(
    module: nn.Module, batch: Minibatch, *, chunks: int = 1, variant: str | None = None
) -> Scored:
    """Sum of |W dL/dW|.

    Source: Lee et al. 2019 (arXiv:1810.02340), its sensitivities, not divided by their sum.
    Raises: as grad_norm.
    """
    find_score("snip").check(variant)
    return _summed(
        module, batch, chunks, variant, lambda weight, gradient: (weight * gradient).abs().sum()
    )


@torch.enable_grad()
def grasp(
    module: nn.Module, batch: Minibatch, *, chunks: int = 1, variant: str | None = None
) -> Scored:
    """- sum W (H g), with the whole batch's g = dL/dW and H its derivative matrix.

    Source: Wang et al. 2020 (arXiv:2002.07376), -theta * H g, at temperature 1.
    Open in the paper: the sign for a whole network. Here it is kept, so more is less curvature
    along the weights; W (H g) is the derivative of |g|^2 / 2 along W.
    Raises: UndefinedScoreError if an operator has no second derivative; otherwise as grad_norm.
    """
    find_score("grasp").check(variant)
    own, placed = prepared_whole(module, batch, variant, chunks)
    with sdpa_kernel(SDPBackend.MATH):  # the fused ones have no second derivative
        whole = _batch_gradient(own, placed, chunks)
        try:
            product = _weights_hessian_gradient(own, placed, chunks, whole)
        except RuntimeError as error:
            if not re.search("derivative|differentiate", str(error)):
                raise
            told = f"grasp needs second derivatives: {str(error).splitlines()[0]}"
            raise UndefinedScoreError(f"{told}; use the reference implementation") from error
    sign = "-sum W (H g), as in arXiv:2002.07376: negative where |g| grows along W"
    details: dict[str, JsonValue] = {"batch": len(batch), "sign": sign, "variant": variant}
    return Scored(-product, tuple(whole), unseen_of(own, whole), details)


def _summed(
    module: nn.Module,
    batch: Minibatch,
    chunks: int,
    variant: str | None,
    part: Callable[[Tensor, Tensor], Tensor],
) -> Scored:
    own, placed = prepared_whole(module, batch, variant, chunks)
    whole, weights = _batch_gradient(own, placed, chunks), weights_of(own)
    value = sum(part(weights[name].detach(), gradient).item() for name, gradient in whole.items())
    details: dict[str, JsonValue] = {"batch": len(batch), "variant": variant}
    return Scored(value, tuple(whole), unseen_of(own, whole), details)


def _batch_gradient(module: nn.Module, batch: Minibatch, chunks: int) -> dict[str, Tensor]:
    """dL/dW of the whole batch, for the weights that the loss depends on."""
    weights, whole = weights_of(module), dict[str, Tensor]()
    for some in batch.split(chunks):
        gradients = _gradients(module, some, len(batch), weights)
        for name, gradient in gradients.items():
            whole[name] = whole[name] + gradient if name in whole else gradient
    return {name: whole[name] for name in weights if name in whole}


def _weights_hessian_gradient(
    module: nn.Module, batch: Minibatch, chunks: int, whole: dict[str, Tensor]
) -> float:
    """sum W (H g); H is the sum of the chunks' own, g is the same for each."""
    every = weights_of(module)
    weights, product = {name: every[name] for name in whole}, 0.0
    for some in batch.split(chunks):
        gradients = _gradients(module, some, len(batch), weights, create_graph=True)
        along = torch.stack([(one * whole[name]).sum() for name, one in gradients.items()]).sum()
        if not along.requires_grad:  # the loss is linear in every weight
            continue
        module.zero_grad()
        # through every node: `grad` would pass by those without a derivative
        along.backward()  # type: ignore[no-untyped-call]
        for weight in weights.values():
            if weight.grad is not None:
                product += (weight.detach() * weight.grad).sum().item()
    return product


def _gradients(
    module: nn.Module,
    some: Minibatch,
    samples: int,
    weights: dict[str, nn.Parameter],
    *,
    create_graph: bool = False,
) -> dict[str, Tensor]:
    """What these images add to the gradient of the mean over `samples`."""
    loss = some.losses(outputs_of(module, some.images)).sum() / samples
    if not loss.requires_grad:
        raise UndefinedScoreError("the loss depends on no parameter; check what the network runs")
    gradients = torch.autograd.grad(
        loss, list(weights.values()), create_graph=create_graph, allow_unused=True
    )
    named = zip(weights, gradients, strict=True)
    return {name: gradient for name, gradient in named if gradient is not None}
