"""Batches on the device: shuffled, normalised and augmented, the same for one seed at any step."""

import hashlib
import math
from collections.abc import Iterator

import torch
from torch import Tensor

from sabench.cases.case import IMAGE_CHANNELS
from sabench.errors import ConfigError
from sabench.measure.faults import is_out_of_memory
from sabench.train.data.augment import AS_IT_IS, pad, windows_of
from sabench.train.data.dataset import CHUNK, Dataset, Split

Batch = tuple[Tensor, Tensor]
"""Images (B, 3, H, W), float32, and labels (B,)."""

HELD = 2**30
"""Bytes that a train split may take as normalised floats; a larger one is prepared by the batch.

A guess: CIFAR-10 whole takes 0.9 of it, and a machine that trains has that to spare."""


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
        check_channels(data)
        self.data, self.seed = data, seed
        self.augmentation = data.augmentation if augments else AS_IT_IS
        self.train, self.test = _on(data.train, device), _on(data.test, device)
        self.batch = min(batch, len(data.train))
        self.windows = self._held()

    @property
    def steps(self) -> int:
        """Of one epoch."""
        return len(self.train) // self.batch

    def draw(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The epoch's batches from step `start` on."""
        order = torch.randperm(len(self.train), generator=generator(self.seed, epoch))
        order = order.to(self.train.labels.device)
        for step in range(start, self.steps):
            chosen = order[step * self.batch : (step + 1) * self.batch]
            images = self._drawn(chosen, generator(self.seed, epoch, step))
            yield in_colour(images), self.train.labels.index_select(0, chosen)

    def tests(self) -> Iterator[Batch]:
        """The test split as it is, in batches no larger than those it learns from."""
        parts = (torch.split(one, self.batch) for one in (self.test.images, self.test.labels))
        for images, labels in zip(*parts, strict=True):
            yield prepared(self.data, images), labels

    def _drawn(self, chosen: Tensor, random: torch.Generator) -> Tensor:
        """Normalised and augmented, to the same bits whether the split is held or not."""
        if self.windows is not None:
            return self.augmentation.drawn(self.windows, chosen, random)
        images = self.data.normalised(self.train.images.index_select(0, chosen))
        return self.augmentation.apply(images, random)

    def _held(self) -> Tensor | None:
        """Every crop of every image to learn from, normalised; None where that takes too much."""
        try:
            return self._windows()
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            return None

    def _windows(self) -> Tensor | None:
        images = self.train.images
        n, channels, h, w = images.shape
        padding = self.augmentation.padding(h, w)
        shape = (n, channels, h + 2 * padding, w + 2 * padding)
        if math.prod(shape) * torch.float32.itemsize > HELD:
            return None
        padded = torch.empty(shape, device=images.device)
        for part, chunk in zip(torch.split(padded, CHUNK), torch.split(images, CHUNK), strict=True):
            part.copy_(pad(self.data.normalised(chunk), padding))
        return windows_of(padded, h, w)


def check_channels(data: Dataset) -> None:
    """Raises: ConfigError for images of neither one channel nor three."""
    channels = data.train.images.shape[1]
    if channels not in (1, IMAGE_CHANNELS):
        raise ConfigError(
            f"data {data.name!r} have {channels} channels: give images of 1 or {IMAGE_CHANNELS}"
        )


def prepared(data: Dataset, images: Tensor) -> Tensor:
    """Images of this data set normalised, a grey one in all three channels.

    Raises: ConfigError for images of neither one channel nor three.
    """
    check_channels(data)
    return in_colour(data.normalised(images))


def in_colour(images: Tensor) -> Tensor:
    """A grey image in all three channels, as a view; one of three as it is."""
    return images.expand(-1, IMAGE_CHANNELS, -1, -1)


def generator(*words: int) -> torch.Generator:
    """Random numbers of their own for each seed, epoch and step."""
    digest = hashlib.sha256(" ".join(map(str, words)).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)


def _on(split: Split, device: torch.device) -> Split:
    return Split(split.images.to(device), split.labels.to(device))
