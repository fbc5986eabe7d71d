"""How long a training will take, from its recipe and the size of its data."""

import math
import os
from contextlib import suppress
from pathlib import Path

from sabench.cases.case import Case
from sabench.cases.recipe import Recipe
from sabench.catalog.data import DATA, TaskOptions, parse_data

STEP_S = 0.02  # beside its arithmetic: small operators, the optimizer, averaged weights
TEST_PASSES = 1 / 3  # of a training's step: forward alone
SOME_IMAGES = 10_000  # of a file that is not looked into


def training_seconds(case: Case, recipe: Recipe, call_s: float) -> float:
    """All epochs and their tests; `call_s`: one forward and backward pass of a batch."""
    train, test = image_counts(case.data)
    epochs = recipe.epochs_of(case.e)
    batch = max(1, min(case.batch, train // case.s))
    steps, tests = train // case.s // batch, math.ceil(test / batch)
    return epochs * (steps * (call_s + STEP_S) + tests * TEST_PASSES * call_s)


def image_counts(data: str) -> tuple[int, int]:
    """Images to train and to test on, as far as they can be told without reading them."""
    spec = parse_data(data)
    if spec.path:
        return _in_folder(Path(spec.path))
    row = DATA[spec.name]
    options = row.options.model_validate(spec.options)
    if isinstance(options, TaskOptions):
        return options.train, options.test
    return row.train, row.test


def _in_folder(path: Path) -> tuple[int, int]:
    """The files in {train,test}/<class>."""
    counts = [0, 0]
    for place, split in enumerate(("train", "test")):
        with suppress(OSError):
            for one in os.scandir(path / split):
                counts[place] += sum(1 for _ in os.scandir(one)) if one.is_dir() else 0
    train, test = counts
    return (train, test) if train else (SOME_IMAGES, SOME_IMAGES // 5)
