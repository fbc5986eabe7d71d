"""The images that a network is scored on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from sabench.errors import ConfigError

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class Minibatch:
    """Images and labels, with the loss, seed and dtype that a score computes with.

    The batch's loss is the mean of its samples' losses, each computed of one sample alone: whether
    `loss` itself takes a mean or a sum changes nothing, nor does a split of the batch.
    Shapes: images (N, C, H, W) or what the module takes, labels (N, ...).
    Raises: ConfigError if there is no image, or not one label to each.
    """

    images: Tensor
    labels: Tensor | None = None
    loss: Loss = functional.cross_entropy
    seed: int = 0
    dtype: torch.dtype = torch.float64

    def __post_init__(self) -> None:
        if not len(self.images):
            raise ConfigError("a minibatch of no images; give at least one")
        if self.labels is not None and len(self.labels) != len(self.images):
            told = f"{len(self.labels)} labels for {len(self.images)} images"
            raise ConfigError(f"{told}; give one to each")

    def __len__(self) -> int:
        return len(self.images)

    def split(self, chunks: int) -> Iterator["Minibatch"]:
        """The batch in `chunks` parts of nearly equal size, in order.

        Raises: ConfigError if a part would be empty.
        """
        if not 1 <= chunks <= len(self):
            raise ConfigError(f"chunks={chunks} of {len(self)} images; allowed: 1 to {len(self)}")
        images = self.images.tensor_split(chunks)
        labels = [None] * chunks if self.labels is None else self.labels.tensor_split(chunks)
        for some, theirs in zip(images, labels, strict=True):
            yield replace(self, images=some, labels=theirs)

    def on(self, device: torch.device) -> "Minibatch":
        """On the device; images, and labels that are no classes, in `dtype`."""
        images = self.images.detach().to(device, self.dtype)
        labels = None if self.labels is None else self.labels.to(device)
        if labels is not None and labels.is_floating_point():
            labels = labels.to(self.dtype)
        return replace(self, images=images, labels=labels)

    def losses(self, outputs: Tensor) -> Tensor:
        """Each sample's own loss: (N,).

        Raises: ConfigError if there are no labels.
        """
        if self.labels is None:
            raise ConfigError("this score needs labels; give the minibatch one to each image")
        labels, loss = self.labels, self.loss
        alone = (slice(n, n + 1) for n in range(len(self)))
        return torch.stack([loss(outputs[one], labels[one]).sum() for one in alone])
