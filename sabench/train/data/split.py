"""A whole set into one part to train and one to test on."""

import numpy as np
import torch

from sabench.train.data.dataset import Split
from sabench.train.data.stream import stream

SEED = 2019
"""Ours, and the same for every run: whoever names the data has the same split."""

HELD_OUT = 5
"""One in so many of each class is tested on."""


def split_by_class(whole: Split) -> tuple[Split, Split]:
    """Train and test, 80 to 20 in every class, each in an order that tells nothing."""
    random, labels = stream(SEED, "split"), whole.labels.numpy()
    order = random.permutation(len(labels))
    is_test = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        members = order[labels[order] == label]
        is_test[members[: round(len(members) / HELD_OUT)]] = True
    train, test = order[~is_test[order]], order[is_test[order]]
    return whole.take(torch.from_numpy(train)), whole.take(torch.from_numpy(test))
