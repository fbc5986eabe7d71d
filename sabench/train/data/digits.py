"""The digits that scikit-learn brings along, and the same with their pixels permuted."""

import numpy as np
import torch

from sabench.catalog.rows import Options
from sabench.errors import ConfigError
from sabench.train.data.dataset import Content, Split
from sabench.train.data.split import SEED, split_by_class
from sabench.train.data.stream import stream

LARGEST = 16
"""A pixel counts the strokes in a 4 x 4 square of the scan. As sixteenths they are exact floats."""


def load(options: Options, seed: int) -> Content:
    """1,797 digits, float32 (N, 1, 8, 8) from 0 to 1, split 80 to 20 in every class.

    One split for every seed, in an order of its own: the packaged one goes from writer to writer.
    Raises: ConfigError without scikit-learn.
    """
    pixels, labels = _packaged()
    images = torch.from_numpy((pixels / LARGEST).astype(np.float32)).unsqueeze(1)  # (N, 1, 8, 8)
    train, test = split_by_class(Split(images, torch.from_numpy(labels.astype(np.int64))))
    return Content(train, test, tuple("0123456789"))


def load_permuted(options: Options, seed: int) -> Content:
    """The digits after one permutation of their 64 pixels, the same for all images and seeds.

    Source: the pixels of Le et al. 2015 (arXiv:1504.00941), here in two dimensions. Neighbours
    mean nothing: convolution and local attention have no more to go by than a perceptron.
    """
    content = load(options, seed)
    order = torch.from_numpy(stream(SEED, "pixels").permutation(64))

    def permuted(split: Split) -> Split:
        return Split(split.images.flatten(1)[:, order].view(-1, 1, 8, 8), split.labels)

    return Content(permuted(content.train), permuted(content.test), content.classes)


def _packaged() -> tuple[np.ndarray, np.ndarray]:
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ConfigError(
            "the digits come with scikit-learn, which is not here: pip install 'sabench[train]'"
        ) from error
    bunch = load_digits()
    return bunch.images, bunch.target
