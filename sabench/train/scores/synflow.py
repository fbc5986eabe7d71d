"""SynFlow: how much flows through the absolute weights."""

import math

import torch
from pydantic import JsonValue
from torch import Tensor, nn

from sabench.catalog.scores import find_score
from sabench.train.scores.copies import outputs_of, prepared
from sabench.train.scores.minibatch import Minibatch
from sabench.train.scores.norms import batch_norms, other_norms
from sabench.train.scores.operators import CURVED, NORM, SOFTMAX, WatchedOperators
from sabench.train.scores.scored import Scored, UndefinedScoreError
from sabench.train.scores.seen import unseen_of, weights_of


@torch.enable_grad()
def synflow(
    module: nn.Module, batch: Minibatch, *, chunks: int = 1, variant: str | None = None
) -> Scored:
    """log10 of sum |W| dR/d|W|, R the summed output for an image of ones, parameters absolute.

    Source: Tanaka et al. 2020 (arXiv:2006.05467); normalisations of every kind pass on what
    they get. Buffers stay as they are. The batch gives the image's shape only: `chunks`
    changes nothing.
    Open in the paper: what is not positively homogeneous (softmax, a sigmoid gate), where no flow
    is conserved. Refused, or computed all the same as variant="absolute".
    Raises: UndefinedScoreError for such networks, for normalisations outside torch's modules and
    for flows that float64 does not hold; otherwise as `prepared`.
    """
    find_score("synflow").check(variant)
    own, placed = prepared(module, batch, mixing=True)
    norms = [*batch_norms(own), *other_norms(own)]
    for _, norm in norms:
        norm.forward = torch.clone  # a copy: what follows may overwrite it
    with torch.no_grad():
        for parameter in own.parameters():
            parameter.abs_()
    with WatchedOperators() as watched:
        outputs = outputs_of(own, torch.ones_like(placed.images[:1]))
    _refuse(watched, variant)
    flow, seen = _flow(outputs.sum(), weights_of(own))
    details: dict[str, JsonValue] = {
        "flow": flow,
        "input": "one image of ones",
        "norms_removed": len(norms),
        "variant": variant,
    }
    return Scored(math.log10(flow), seen, unseen_of(own, seen), details)


def _flow(total: Tensor, weights: dict[str, nn.Parameter]) -> tuple[float, tuple[str, ...]]:
    """sum |W| dR/d|W| and the weights that R depends on."""
    if not total.requires_grad:
        raise UndefinedScoreError("the output depends on no parameter; check what the network runs")
    gradients = torch.autograd.grad(total, list(weights.values()), allow_unused=True)
    named = {
        name: (weight.detach() * gradient).sum().item()
        for (name, weight), gradient in zip(weights.items(), gradients, strict=True)
        if gradient is not None
    }
    flow = sum(named.values())
    if not 0 < flow < math.inf:
        raise UndefinedScoreError(
            f"a synaptic flow of {flow} has no logarithm: no weight passes anything on, a buffer "
            "turns the sign, or it leaves the range of the dtype; score another network"
        )
    return flow, tuple(named)


def _refuse(watched: WatchedOperators, variant: str | None) -> None:
    if found := watched.with_part(NORM):
        raise UndefinedScoreError(
            f"{found[0]} runs outside torch's normalisation modules and cannot be taken out; "
            "build the network with torch's modules"
        )
    bent = watched.with_part(SOFTMAX) + watched.among(CURVED)
    if bent and variant is None:
        raise UndefinedScoreError(
            f"{', '.join(bent)}: not positively homogeneous, so no flow is conserved; "
            'ask for synflow_absolute (variant="absolute") to have the sum all the same'
        )
