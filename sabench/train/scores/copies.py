"""A copy of a module to score, so that the module itself stays as it is."""

import copy

import torch
from torch import Tensor, nn

from sabench.catalog.scores import BATCH_STATISTICS
from sabench.measure.faults import is_out_of_memory
from sabench.train.scores.minibatch import Minibatch
from sabench.train.scores.norms import batch_norms, by_channel_of
from sabench.train.scores.scored import UndefinedScoreError


def prepared(
    module: nn.Module, batch: Minibatch, *, mixing: bool = False, by_batch: bool = False
) -> tuple[nn.Module, Minibatch]:
    """A copy in the batch's dtype and eval mode, every parameter with a gradient, and the batch.

    In eval mode a batch norm divides by its running statistics, which are 0 and 1 before any
    training: it then does next to nothing. `by_batch`: by those of the batch, as in training.
    Raises: UndefinedScoreError if the module cannot be copied or, unless `mixing` or `by_batch`,
    if a batch norm uses the batch's own statistics even so: a sample's part then depends on the
    others.
    """
    try:
        own = copy.deepcopy(module)
    except (RuntimeError, TypeError) as error:
        if is_out_of_memory(error):
            raise
        reason = str(error).splitlines()[0]
        told = f"{type(module).__name__} cannot be copied: {reason}"
        raise UndefinedScoreError(f"{told}; keep no computed tensors in it") from error
    own.to(batch.dtype).eval()
    for parameter in own.parameters():
        if parameter.is_floating_point():
            parameter.requires_grad_(True)
    for name, norm in batch_norms(own):
        if by_batch:
            norm.train()
        if norm.training or norm.running_mean is None:
            norm.register_forward_pre_hook(_refuse_single_values, with_kwargs=True)
        if not (mixing or by_batch) and (norm.training or norm.running_mean is None):
            raise UndefinedScoreError(
                f"batch norm {name!r} uses the batch's statistics in eval mode too, which mixes "
                "the samples; let it track running statistics and follow eval()"
            )
    first = next(own.parameters(), torch.empty(0))
    return own, batch.on(first.device)


def _refuse_single_values(
    norm: nn.Module, inputs: tuple[Tensor, ...], named: dict[str, Tensor]
) -> None:
    by_channel_of(inputs, named)


def prepared_whole(
    module: nn.Module, batch: Minibatch, variant: str | None, chunks: int
) -> tuple[nn.Module, Minibatch]:
    """The same for a score that has the variant BATCH_STATISTICS.

    Raises: as `prepared`; UndefinedScoreError if that variant is to be computed by parts.
    """
    if by_batch := variant == BATCH_STATISTICS:
        refuse_parts(chunks)
    return prepared(module, batch, by_batch=by_batch)


def refuse_parts(chunks: int) -> None:
    """Of what uses the batch's statistics.

    Raises: UndefinedScoreError if it is to be computed by parts.
    """
    if chunks > 1:
        raise UndefinedScoreError(
            "the batch's statistics are of all its images at once, and there is no memory for all; "
            "train and score by a smaller batch (the suite's key train), or leave this score out"
        )


def outputs_of(module: nn.Module, images: Tensor) -> Tensor:
    """The module's output; its input is a copy that the module may overwrite.

    Raises: UndefinedScoreError if it is not one tensor with a row for each image.
    """
    return checked(module(images.clone()), len(images))


def checked(outputs: object, samples: int) -> Tensor:
    """The same tensor.

    Raises: as outputs_of.
    """
    if not isinstance(outputs, Tensor):
        raise UndefinedScoreError(
            f"the network gives a {type(outputs).__name__}, and a score needs one tensor; "
            "wrap the network to return one"
        )
    if outputs.shape[:1] != (samples,):
        shape = tuple(outputs.shape)
        raise UndefinedScoreError(
            f"the network gives the shape {shape} for {samples} images; "
            "wrap it to return a row for each image"
        )
    return outputs
