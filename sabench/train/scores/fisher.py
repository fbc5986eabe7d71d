"""Fisher: how much the loss would feel the loss of each channel."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from sabench.catalog.scores import find_score
from sabench.train.scores.copies import outputs_of, prepared_whole
from sabench.train.scores.minibatch import Minibatch
from sabench.train.scores.scored import Scored, UndefinedScoreError
from sabench.train.scores.seen import NO_PATH, unseen_of, weights_of

CHANNELS_LAST = (nn.Linear, nn.Bilinear, nn.Embedding, nn.MultiheadAttention, nn.RNNBase)
NEVER_CALLED = "its module is never called through its forward"
NOT_BY_SAMPLE = "its module's output has no row for each image"


@torch.enable_grad()
def fisher(
    module: nn.Module, batch: Minibatch, *, chunks: int = 1, variant: str | None = None
) -> Scored:
    """Sum over channels of 1/2 mean_n (sum over positions of a dL_n/da)^2, a = a module's output.

    The modules are those that hold a weight themselves, leaves or not; a module that is called
    more than once has its calls added before the square. A channel counts once, not once a weight.
    Source: Turner et al. 2020 (arXiv:1906.04113), summed over the network.
    Open in the paper: L_n. Here sample n's own loss, whatever the batch's size; with
    variant="batch_mean" its share of the batch's mean loss, as in the authors' code: N^2 smaller;
    with variant="batch_statistics" batch norms use those of the batch besides, as there too.
    Raises: UndefinedScoreError if no such output reaches the loss; otherwise as `prepared_whole`.
    """
    find_score("fisher").check(variant)
    own, placed = prepared_whole(module, batch, variant, chunks)
    outputs = _Outputs(own)
    found: dict[str, list[Tensor]] = defaultdict(list)
    for some in placed.split(chunks):
        for name, products in outputs.products(some).items():
            found[name].append(products)
    channels = {name: torch.cat(rows) for name, rows in found.items()}  # (N, C) or fewer
    if not channels:
        raise UndefinedScoreError(
            "no output of a module that holds a weight reaches the loss; "
            "hold the weights in modules that are called"
        )
    # not mean(0): a chunk that has no path through a module leaves no rows of it, which are zeros
    value = sum((rows**2).sum().item() for rows in channels.values()) / len(batch) / 2
    if variant is not None:
        value /= len(batch) ** 2
    reasons = {
        name: reason
        for name, weight in weights_of(own).items()
        if (reason := outputs.reason(weight, set(channels)))
    }
    seen = tuple(name for name in weights_of(own) if name not in reasons)
    return Scored(
        value,
        seen,
        unseen_of(own, seen, reasons),
        {
            "batch": len(batch),
            "channels": sum(rows.shape[1] for rows in channels.values()),
            "gradients": variant or "per sample",
        },
    )


class _Outputs:
    """What the modules that hold a weight themselves put out."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.holders = {
            name: part
            for name, part in module.named_modules()
            if any(one.ndim >= 2 for one in part.parameters(recurse=False))
        }
        self.kept: dict[str, list[Tensor]] = defaultdict(list)
        self.called: set[str] = set()
        self.odd: set[str] = set()
        for name, part in self.holders.items():
            part.register_forward_hook(self._keeper(name))

    def products(self, some: Minibatch) -> dict[str, Tensor]:
        """a dL_n/da summed over positions and calls, by module: (N, C)."""
        self.kept.clear()
        loss = some.losses(outputs_of(self.module, some.images)).sum()
        outputs = [(name, one) for name, calls in self.kept.items() for one in calls]
        if not outputs or not loss.requires_grad:
            return {}
        tensors = [one for _, one in outputs]
        gradients = torch.autograd.grad(loss, tensors, allow_unused=True)
        pairs = zip(outputs, gradients, strict=True)
        reached = [(*output, gradient) for output, gradient in pairs if gradient is not None]
        found: dict[str, Tensor] = {}
        for name, output, gradient in reached:
            rows = _by_channel(self.holders[name], output.detach() * gradient)
            if len(rows) != len(some):
                self.odd.add(name)
            else:
                found[name] = found[name] + rows if name in found else rows
        return found

    def reason(self, weight: nn.Parameter, counted: set[str]) -> str:
        """Why a weight did not enter; nothing if a module that holds it did."""
        names = {
            name
            for name, part in self.holders.items()
            if any(one is weight for one in part.parameters(recurse=False))
        }
        if names & counted:
            return ""
        if names & self.odd:
            return NOT_BY_SAMPLE
        return NO_PATH if names & self.called else NEVER_CALLED

    def _keeper(self, name: str) -> Callable[[nn.Module, Any, Any], Any]:
        def keep(part: nn.Module, inputs: Any, output: Any) -> Any:
            """Keep the output, hand on a copy: what follows may overwrite it."""
            self.called.add(name)
            first, rest = (output[0], output[1:]) if isinstance(output, tuple) else (output, ())
            if not isinstance(first, Tensor) or not first.requires_grad:
                return output
            self.kept[name].append(first)
            return (first.clone(), *rest) if isinstance(output, tuple) else first.clone()

        return keep


def _by_channel(part: nn.Module, products: Tensor) -> Tensor:
    """Summed over positions: (N, C)."""
    if products.ndim == 3 and not getattr(part, "batch_first", True):
        products = products.transpose(0, 1)  # (N, T, C)
    if products.ndim < 2:
        return products.new_empty(0, 0)
    by_channel = products.movedim(-1 if isinstance(part, CHANNELS_LAST) else 1, 1)
    return by_channel.reshape(*by_channel.shape[:2], -1).sum(2)
