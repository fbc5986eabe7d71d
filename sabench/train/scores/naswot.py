"""NASWOT: how well the states of the ReLUs tell images apart."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from sabench.catalog.scores import BATCH_STATISTICS, find_score
from sabench.train.scores.copies import outputs_of, prepared_whole
from sabench.train.scores.minibatch import Minibatch
from sabench.train.scores.scored import Scored, UndefinedScoreError
from sabench.train.scores.seen import reached, unseen_of

Function = Callable[..., Any]
SIGN = "preactivation_sign"

RELU: frozenset[Function] = frozenset(
    {functional.relu, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_}
)
OTHERS: frozenset[Function] = frozenset(
    {
        *(functional.gelu, functional.silu, functional.mish, functional.hardswish),
        *(functional.elu, functional.celu, functional.selu, functional.leaky_relu),
        *(functional.prelu, functional.softplus, functional.hardtanh, functional.relu6),
    }
)
"""Activations of more than ReLU's two states; the sign of their input is a code all the same."""


@torch.enable_grad()
def naswot(
    module: nn.Module, batch: Minibatch, *, chunks: int = 1, variant: str | None = None
) -> Scored:
    """log |det K|, K_ij = the number of ReLU units in the same state for images i and j.

    The state is the sign of what enters, read before a ReLU in place overwrites it; modules and
    functions alike. It grows with units and images, both in `details`: nothing is divided by them.
    Batch norms divide by running statistics, 0 and 1 before any training.
    Source: Mellor et al. 2021 (arXiv:2006.04647), with the determinant that its norm stands for.
    Open in the paper: activations other than ReLU. Refused, or with variant="preactivation_sign"
    the sign of what enters them, as TF-TAS takes it for GELU. With variant="batch_statistics"
    batch norms use those of the batch, as in the authors' code.
    Raises: UndefinedScoreError for other activations, no ReLU, or codes that are equal or linearly
    dependent; otherwise as `prepared_whole`.
    """
    find_score("naswot").check(variant)
    own, placed = prepared_whole(module, batch, variant, chunks)
    watched = RELU | OTHERS if variant == SIGN else RELU
    first = _codes(
        own, placed.images if variant == BATCH_STATISTICS else placed.images[:1], watched
    )
    _refuse(first)
    seen = reached(torch.stack(first.entering).sum(), own)
    parts = [_codes(own, some.images, watched).states for some in placed.split(chunks)]
    states = [torch.cat(rows) for rows in zip(*parts, strict=True)]  # (N, units) each
    kernel = sum((_agreement(rows) for rows in states), torch.zeros(()))
    units = sum(rows.shape[1] for rows in states)
    _refuse_singular(kernel, units)
    ordered = tuple(name for name, _ in own.named_parameters() if name in seen)
    return Scored(
        torch.linalg.slogdet(kernel).logabsdet.item(),
        ordered,
        unseen_of(own, seen),
        {
            "batch": len(batch),
            "units": units,
            "activations": len(states),
            "codes": SIGN if variant == SIGN else "relu",
            "variant": variant,
        },
    )


class _Codes(TorchFunctionMode):
    """While it is entered, keeps the sign of what enters the watched activations."""

    def __init__(self, samples: int, watched: frozenset[Function]) -> None:
        super().__init__()
        self.samples, self.watched = samples, watched
        self.states: list[Tensor] = []
        self.entering: list[Tensor] = []  # summed: what a code depends on
        self.others: set[str] = set()

    def __torch_function__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Note what enters, do what was asked."""
        if func in self.watched:
            self._keep(args[0] if args else (kwargs or {})["input"])
        elif func in OTHERS:
            self.others.add(func.__name__)
        return func(*args, **(kwargs or {}))

    def _keep(self, x: Tensor) -> None:
        if len(x) != self.samples:
            raise UndefinedScoreError(
                f"an activation gets the shape {tuple(x.shape)} for {self.samples} images, so its "
                "units belong to no image; keep the batch as the first axis"
            )
        self.states.append((x.detach() > 0).flatten(1))
        self.entering.append(x.sum())


def _codes(module: nn.Module, images: Tensor, watched: frozenset[Function]) -> _Codes:
    # with gradients on: without, torch's transformer layers take a path that calls no activation
    codes = _Codes(len(images), watched)
    with codes:
        outputs_of(module, images)
    return codes


def _agreement(rows: Tensor) -> Tensor:
    """(N, units) -> (N, N): counts, exact in float64."""
    on = rows.to(torch.float64)
    off = 1 - on
    return on @ on.T + off @ off.T


def _refuse(codes: _Codes) -> None:
    if codes.others:
        raise UndefinedScoreError(
            f"{', '.join(sorted(codes.others))}: no ReLU, so a unit has no two states; "
            'ask for naswot_preactivation_sign (variant="preactivation_sign") to take the sign of '
            "what enters"
        )
    if not codes.states:
        raise UndefinedScoreError("the network runs no ReLU; score one that has some")


def _refuse_singular(kernel: Tensor, units: int) -> None:
    same = (kernel.triu(1) == units).nonzero()
    if len(same):
        i, j = same[0].tolist()
        raise UndefinedScoreError(
            f"images {i} and {j} put all {units} units in the same state, so the determinant is 0; "
            "leave one of them out"
        )
    rank = int(torch.linalg.matrix_rank(kernel, hermitian=True))
    if rank < len(kernel):
        raise UndefinedScoreError(
            f"the codes of {len(kernel)} images in {units} units have rank {rank}, so the "
            "determinant is 0; take fewer images"
        )
