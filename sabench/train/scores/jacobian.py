"""jacob_cov: how little the gradients at different images resemble each other."""

import torch
from torch import Tensor, nn

from sabench.train.scores.copies import outputs_of, prepared
from sabench.train.scores.minibatch import Minibatch
from sabench.train.scores.scored import Scored, UndefinedScoreError
from sabench.train.scores.seen import reached, unseen_of

K = 1e-5
"""What keeps log and quotient finite at an eigenvalue of 0; the authors' value."""
CONSTANT = 1e-12  # a row whose deviation is smaller beside its norm is rounding


@torch.enable_grad()
def jacob_cov(module: nn.Module, batch: Minibatch, *, chunks: int = 1, k: float = K) -> Scored:
    """- sum of log(e + k) + 1 / (e + k) over the eigenvalues e of the rows' correlation matrix.

    Row n is the gradient of image n's summed outputs with respect to the image. Of two scores with
    the name NASWOT this is the paper's first; `naswot` is its later one. Batch norms divide by
    running statistics, 0 and 1 before any training, so that neither split nor order matters.
    Source: Mellor et al. 2020 (arXiv:2006.04647v1).
    Open in the paper: eigenvalues that rounding leaves below 0. Here they are 0.
    Raises: UndefinedScoreError if an image's gradient is constant; otherwise as `prepared`.
    """
    own, placed = prepared(module, batch)
    rows = torch.cat([_rows(own, some.images) for some in placed.split(chunks)])  # (N, CHW)
    seen = reached(outputs_of(own, placed.images[:1]), own)
    eigenvalues = torch.linalg.eigvalsh(_correlation(rows)).clamp(min=0) + k
    value = -(eigenvalues.log() + 1 / eigenvalues).sum().item()
    ordered = tuple(name for name, _ in own.named_parameters() if name in seen)
    details = {"batch": len(batch), "inputs": rows.shape[1], "k": k}
    return Scored(value, ordered, unseen_of(own, seen), {**details})


def _rows(module: nn.Module, images: Tensor) -> Tensor:
    """One backward pass for all images: no layer mixes them."""
    images = images.detach().requires_grad_(True)
    total = outputs_of(module, images).sum()
    (gradient,) = torch.autograd.grad(total, [images], allow_unused=True, materialize_grads=True)
    return gradient.flatten(1)


def _correlation(rows: Tensor) -> Tensor:
    """(N, CHW) -> (N, N)."""
    centred = rows - rows.mean(1, keepdim=True)
    norms = centred.norm(dim=1, keepdim=True)
    constant = norms[:, 0] <= CONSTANT * rows.norm(dim=1)
    if constant.any():
        numbers = ", ".join(str(n) for n in constant.nonzero()[:, 0].tolist())
        raise UndefinedScoreError(
            f"the gradient at image {numbers} does not vary over its inputs, so it correlates with "
            "nothing; leave the image out, or check for units that never fire"
        )
    unit: Tensor = centred / norms
    return unit @ unit.T
