"""Batches on the device: shuffled, normalised and augmented, the same for one seed at any step."""

import hashlib
from collections.abc import Iterator

import torch
from torch import Tensor

from sabench.cases.case import IMAGE_CHANNELS
from sabench.errors import ConfigError
from sabench.train.data.dataset import Dataset, Split

Batch = tuple[Tensor, Tensor]
"""Images (B, 3, H, W), float32, and labels (B,)."""


class Feed:
    """The train split in batches, and the test split, both in the device's memory.

    Every draw follows from the seed, the epoch and the step alone: a training that was
    interrupted goes on with the very batches that it would have had. A rest that fills no batch is
    left out of its epoch: batch norm is not to see a handful.
    Raises: ConfigError for images of neither one channel nor three.
    """

    def __init__(
        self, data: Dataset, batch: int, seed: int, device: torch.device, *, augments: bool
    ) -> None:
        channels = data.train.images.shape[1]
        if channels not in (1, IMAGE_CHANNELS):
            raise ConfigError(
                f"data {data.name!r} have {channels} channels: give images of 1 or {IMAGE_CHANNELS}"
            )
        self.data, self.seed, self.augments = data, seed, augments
        self.train, self.test = _on(data.train, device), _on(data.test, device)
        self.batch = min(batch, len(data.train))

    @property
    def steps(self) -> int:
        """Of one epoch."""
        return len(self.train) // self.batch

    def draw(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The epoch's batches from step `start` on."""
        order = torch.randperm(len(self.train), generator=generator(self.seed, epoch))
        order = order.to(self.train.labels.device)
        for step in range(start, self.steps):
            chosen = self.train.take(order[step * self.batch : (step + 1) * self.batch])
            images = self.prepared(chosen.images)
            if self.augments:
                random = generator(self.seed, epoch, step)
                images = self.data.augmentation.apply(images, random)
            yield images, chosen.labels

    def tests(self) -> Iterator[Batch]:
        """The test split as it is, in batches no larger than those it learns from."""
        parts = (torch.split(one, self.batch) for one in (self.test.images, self.test.labels))
        for images, labels in zip(*parts, strict=True):
            yield self.prepared(images), labels

    def prepared(self, images: Tensor) -> Tensor:
        """Normalised, a grey image in all three channels."""
        return self.data.normalised(images).expand(-1, IMAGE_CHANNELS, -1, -1)


def generator(*words: int) -> torch.Generator:
    """Random numbers of their own for each seed, epoch and step."""
    digest = hashlib.sha256(" ".join(map(str, words)).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)


def _on(split: Split, device: torch.device) -> Split:
    return Split(split.images.to(device), split.labels.to(device))
