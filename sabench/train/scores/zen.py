"""Zen: how much a network of random weights makes of a small change of its input."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from sabench.errors import ConfigError
from sabench.train.scores.copies import checked, prepared, refuse_parts
from sabench.train.scores.minibatch import Minibatch
from sabench.train.scores.norms import batch_norms, by_channel_of, other_norms
from sabench.train.scores.operators import SOFTMAX, WatchedOperators
from sabench.train.scores.scored import Scored, UndefinedScoreError
from sabench.train.scores.seen import reached, unseen_of, weights_of

Features = Callable[[nn.Module, Tensor], Tensor]

NO_EPS = 1e-300  # vanishes beside any variance; torch refuses 0


def last_map(module: nn.Module, x: Tensor) -> Tensor:
    """What a sabench network's last group leaves; the output of any other module."""
    maps = getattr(module, "maps", None)
    out: Tensor = module(x) if maps is None else maps(x)[-1]
    return out


@torch.enable_grad()
def zen(
    module: nn.Module,
    batch: Minibatch,
    *,
    chunks: int = 1,
    draws: int = 32,
    alpha: float = 0.01,
    features: Features = last_map,
) -> Scored:
    """The mean over draws of `zen_of`, weights, x and e redrawn from the batch's seed.

    Source: Lin et al. 2021 (arXiv:2102.01063) and its code. The batch gives the images' shape
    only. Its batch statistics are of all images at once.
    Open in the paper: one-axis parameters (here, as in its code, norms scale by 1 and biases are
    0) and softmax, through which no scale passes (noted in `details`, not made up for).
    Raises: UndefinedScoreError for normalisations other than batch norm, for a batch norm with one
    value a channel, and if it is to be computed by parts; ConfigError if draws < 1; otherwise
    as `prepared`.
    """
    if draws < 1:
        raise ConfigError(f"draws={draws}; allowed: at least 1")
    refuse_parts(chunks)
    own, placed = prepared(module, batch, mixing=True)
    if norms := list(other_norms(own)):
        name, norm = norms[0]
        raise UndefinedScoreError(
            f"{name!r} is a {type(norm).__name__}, whose scale zen cannot give back; "
            "score networks with batch norm or none"
        )
    with WatchedOperators() as watched:
        out = checked(features(own, placed.images[:1].clone()), 1)
    entered = reached(out, own)
    weights = {name: one for name, one in weights_of(own).items() if name in entered}
    _neutralise(own)
    generator = torch.Generator().manual_seed(batch.seed)
    values = []
    with torch.no_grad():
        for _ in range(draws):
            for weight in weights.values():
                weight.copy_(_normal(weight, generator))
            x, e = _normal(placed.images, generator), _normal(placed.images, generator)
            values.append(zen_of(own, x, e, alpha=alpha, features=features))
    return Scored(
        math.fsum(values) / draws,
        tuple(weights),
        unseen_of(own, weights),
        {
            "batch": len(batch),
            "draws": draws,
            "alpha": alpha,
            "seed": batch.seed,
            "spread": max(values) - min(values),
            "softmax": bool(watched.with_part(SOFTMAX)),
        },
    )


def zen_of(
    module: nn.Module, x: Tensor, e: Tensor, *, alpha: float, features: Features = last_map
) -> float:
    """log mean_n |f(x) - f(x + alpha e)|_1 + sum over batch norms of log sqrt(mean variance).

    The variances are those of the clean pass, over the batch, biased; running ones are an average
    with what they were before.
    """
    with _batch_variances(module) as variances:
        clean = features(module, x.clone())
    changed = (clean - features(module, x + alpha * e)).abs().flatten(1).sum(1).mean()
    scales = [variance.mean().log() / 2 for variance in variances]
    return changed.log().item() + math.fsum(scale.item() for scale in scales)


def _neutralise(module: nn.Module) -> None:
    """Batch norms that divide by the batch's variance and nothing else; no bias."""
    with torch.no_grad():
        for name, one in module.named_parameters():
            if one.ndim == 1 and name.endswith("bias"):
                one.zero_()
        for _, norm in batch_norms(module):
            norm.train()
            norm.eps = NO_EPS
            if norm.affine:
                norm.weight.fill_(1)


@contextmanager
def _batch_variances(module: nn.Module) -> Iterator[list[Tensor]]:
    """Each batch norm's variance by channel, in the order of its calls."""
    found: list[Tensor] = []

    def keep(norm: nn.Module, inputs: tuple[Tensor, ...], named: dict[str, Tensor]) -> None:
        found.append(by_channel_of(inputs, named).var(1, correction=0))

    hooks = [
        norm.register_forward_pre_hook(keep, with_kwargs=True) for _, norm in batch_norms(module)
    ]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def _normal(like: Tensor, generator: torch.Generator) -> Tensor:
    """Drawn on the host: the same on every device."""
    drawn = torch.randn(like.shape, generator=generator, dtype=torch.float64)
    return drawn.to(like.device, like.dtype)
