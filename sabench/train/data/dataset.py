"""A data set in memory: two splits, the names of its classes, and a hash of all of it."""

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from sabench.errors import ConfigError
from sabench.train.data.augment import AS_IT_IS, Augmentation
from sabench.train.data.stream import stream

CHUNK = 1024
"""Images that are floats at one time, while the whole set stays as it is stored."""


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Images (N, C, H, W), uint8 or float32, and their labels (N,), int64."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: Tensor) -> "Split":
        """The samples at these places, in this order."""
        return Split(self.images.index_select(0, indices), self.labels[indices])

    @property
    def sha256(self) -> str:
        """Of shapes, types and bytes."""
        digest = hashlib.sha256()
        for tensor in (self.images, self.labels):
            digest.update(f"{tensor.dtype} {tuple(tensor.shape)}\n".encode())
            digest.update(tensor.cpu().contiguous().numpy().data)
        return digest.hexdigest()


@dataclass(frozen=True, slots=True, eq=False)
class Content:
    """What a loader or a reader finds."""

    train: Split
    test: Split
    classes: tuple[str, ...]


@dataclass(frozen=True, eq=False)  # without slots: mean and std are computed once, when asked
class Dataset:
    """Data to train and to test on. `sha256` is of both splits and the names of the classes."""

    name: str
    train: Split
    test: Split
    classes: tuple[str, ...]
    sha256: str
    source: str
    augmentation: Augmentation = AS_IT_IS

    @classmethod
    def of(
        cls, name: str, content: Content, *, source: str, augmentation: Augmentation = AS_IT_IS
    ) -> "Dataset":
        """The content, checked and hashed.

        Raises: ConfigError if the splits have other shapes or types, or a class has no train image.
        """
        train, test, classes = content.train, content.test, content.classes
        if _kind(train) != _kind(test):
            raise ConfigError(
                f"data {name!r}: train images are {_kind(train)} and test images {_kind(test)}"
            )
        samples = torch.bincount(train.labels, minlength=len(classes))
        if not samples.all():
            missing = classes[int(samples.argmin())]
            raise ConfigError(f"data {name!r}: class {missing!r} has no train image")
        sha256 = _sha256(train, test, classes)
        return cls(name, train, test, classes, sha256, source, augmentation)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of every image."""
        return self.train.images.shape[2], self.train.images.shape[3]

    @property
    def mean(self) -> Tensor:
        """Per channel over the train images, as floats: (C,)."""
        return self._moments[0]

    @property
    def std(self) -> Tensor:
        """Per channel over the train images, as floats: (C,). 1 for a channel that is constant."""
        return self._moments[1]

    @cached_property
    def _moments(self) -> tuple[Tensor, Tensor]:
        images = self.train.images
        chunks = torch.split(images, CHUNK)
        pixels = images.numel() / images.shape[1]
        zero = torch.zeros(images.shape[1], dtype=torch.float64, device=images.device)
        doubles = (to_floats(chunk).double() for chunk in chunks)
        mean = sum((chunk.sum((0, 2, 3)) for chunk in doubles), zero) / pixels
        centred = (to_floats(chunk).double() - mean.view(1, -1, 1, 1) for chunk in chunks)
        squares = sum((chunk.square().sum((0, 2, 3)) for chunk in centred), zero)
        std = (squares / pixels).sqrt()
        return mean.float(), torch.where(std > 0, std, 1).float()

    def normalised(self, images: Tensor) -> Tensor:
        """Images of this data set as floats, less the mean, over the standard deviation."""
        mean, std = (each.to(images.device).view(1, -1, 1, 1) for each in (self.mean, self.std))
        return (to_floats(images) - mean).div_(std)

    def resized(self, size: int) -> "Dataset":
        """Every image at size x size, bilinear with antialiasing.

        Raises: ConfigError for no size.
        """
        if size < 1:
            raise ConfigError(f"size={size} is not allowed, at least 1")
        if self.size == (size, size):
            return self
        return self._with(_resized(self.train, size), _resized(self.test, size))

    def share(self, s: int, *, seed: int = 0) -> "Dataset":
        """1/s of each class's train samples, rounded up, in their order; the test split is whole.

        With one seed the share of a larger s lies within that of a smaller.
        Raises: ConfigError if s is less than 1.
        """
        if s < 1:
            raise ConfigError(f"share={s} is not allowed, at least 1: it stands for 1/share")
        random, labels = stream(seed, "share"), self.train.labels.numpy()
        chosen: list[np.ndarray] = []
        for label in range(len(self.classes)):
            members = random.permutation(np.flatnonzero(labels == label))
            chosen.append(members[: -(-len(members) // s)])
        indices = torch.from_numpy(np.sort(np.concatenate(chosen)))
        return self._with(self.train.take(indices), self.test)

    def minibatch(self, size: int, *, seed: int = 0) -> Split:
        """So many train samples, none twice: always the same for one seed.

        Raises: ConfigError if there are not so many.
        """
        if not 1 <= size <= len(self.train):
            raise ConfigError(f"minibatch of {size}: {self.name!r} has {len(self.train)} to train")
        order = stream(seed, "minibatch").permutation(len(self.train))
        return self.train.take(torch.from_numpy(order[:size]))

    def _with(self, train: Split, test: Split) -> "Dataset":
        return replace(self, train=train, test=test, sha256=_sha256(train, test, self.classes))


def to_floats(images: Tensor) -> Tensor:
    """float32: bytes as 0 to 1, floats as they are."""
    return images / 255 if images.dtype == torch.uint8 else images


def _resized(split: Split, size: int) -> Split:
    dtype = split.images.dtype
    n, channels = split.images.shape[:2]
    images = torch.empty((n, channels, size, size), dtype=dtype)
    for part, chunk in zip(
        torch.split(images, CHUNK), torch.split(split.images, CHUNK), strict=True
    ):
        scaled = functional.interpolate(
            chunk.float(), size=(size, size), mode="bilinear", antialias=True
        )
        part.copy_(scaled.round().clamp(0, 255) if dtype == torch.uint8 else scaled)
    return Split(images, split.labels)


def _kind(split: Split) -> str:
    channels, h, w = split.images.shape[1:]
    return f"{channels} x {h} x {w} {str(split.images.dtype).removeprefix('torch.')}"


def _sha256(train: Split, test: Split, classes: tuple[str, ...]) -> str:
    digest = hashlib.sha256(f"{train.sha256} {test.sha256} {len(classes)}\n".encode())
    for name in classes:
        digest.update(name.encode(errors="surrogateescape") + b"\0")
    return digest.hexdigest()
