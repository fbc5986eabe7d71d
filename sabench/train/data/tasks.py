"""Generated tasks: one that only a layer that sees far enough can solve, and its control.

Marks of +1 (a one) and -1 (a zero) stand on a map of 0. Where they stand is drawn apart from what
they are, so that no place and no border tells anything about a label.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from sabench.catalog.data import CountingOptions, TaskOptions, XorOptions
from sabench.train.data.dataset import Content, Split
from sabench.train.data.stream import stream

Array = NDArray[np.int64]
Draw = Callable[[np.random.RandomState, int], Split]


def xor(options: XorOptions, seed: int) -> Content:
    """Two marks exactly `distance` apart, each a fair bit of its own: do the bits differ?

    The ceiling: where no feature sees both marks, each depends on one bit at most; summed over the
    map and weighted, the logit is f(b1) + g(b2) + c, whatever the place. No such sum has the signs
    of XOR at all four pairs, since (0, 0) + (1, 1) and (0, 1) + (1, 0) sum to the same; it is wrong
    at one of four, and all four are equally likely: 75 % at most. What mixes places before the sum
    (normalisation over the map or the batch, squeeze-and-excitation) or bends it after voids this.
    There are few distinct images, and both splits have most of them: learning by heart is allowed.
    """

    def draw(random: np.random.RandomState, samples: int) -> Split:
        bits = random.randint(2, size=(samples, 2), dtype=np.int64)
        along = random.randint(options.size - options.distance, size=samples, dtype=np.int64)
        across = random.randint(options.size, size=samples, dtype=np.int64)
        rows, columns = np.stack([across, across]), np.stack([along, along + options.distance])
        if options.axis == "vertical":
            rows, columns = columns, rows
        return _drawn(options, rows.T, columns.T, bits, bits[:, 0] ^ bits[:, 1])

    return _content(options, seed, "xor", draw, ("same", "different"))


def counting(options: CountingOptions, seed: int) -> Content:
    """An odd number of scattered marks, no two adjacent, each a fair bit: are most of them ones?

    The control: the sign of the sum over the map is the answer, so that features of one mark each
    suffice and a layer that sees further has no advantage.
    """

    def draw(random: np.random.RandomState, samples: int) -> Split:
        cells = options.size // 2  # a side; marks in cells of 2 x 2, at one corner of all
        order = random.random_sample((samples, cells**2)).argsort(axis=1, kind="stable")
        row, column = np.divmod(order[:, : options.marks], cells)
        shift = random.randint(2 + options.size % 2, size=(2, samples, 1), dtype=np.int64)
        bits = random.randint(2, size=(samples, options.marks), dtype=np.int64)
        label = (2 * bits.sum(axis=1) > options.marks).astype(np.int64)
        return _drawn(options, 2 * row + shift[0], 2 * column + shift[1], bits, label)

    return _content(options, seed, "counting", draw, ("zeros", "ones"))


def _content(
    options: TaskOptions, seed: int, task: str, draw: Draw, classes: tuple[str, ...]
) -> Content:
    """Either split from draws of its own."""
    train = draw(stream(seed, f"{task} train"), options.train)
    test = draw(stream(seed, f"{task} test"), options.test)
    return Content(train, test, classes)


def _drawn(options: TaskOptions, rows: Array, columns: Array, bits: Array, label: Array) -> Split:
    """Marks at (rows, columns), each (N, marks), on empty maps."""
    images = np.zeros((len(bits), 1, options.size, options.size), dtype=np.float32)
    images[np.arange(len(bits))[:, None], 0, rows, columns] = 2 * bits - 1
    return Split(torch.from_numpy(images), torch.from_numpy(label))
