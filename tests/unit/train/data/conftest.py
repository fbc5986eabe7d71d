"""What the tests of data share: a small data set, and what a refused spec is told."""

from collections.abc import Callable

import pytest
import torch

from sabench.catalog.data import parse_data
from sabench.errors import ConfigError
from sabench.train.data.dataset import Content, Dataset, Split
from sabench.train.data.load import load_data


@pytest.fixture
def refusal() -> Callable[..., str]:
    """refusal(text): the one line with which these data are refused."""

    def told(text: object, size: int | None = None) -> str:
        with pytest.raises(ConfigError) as refused:
            load_data(parse_data(str(text)), size=size)
        line = str(refused.value)
        assert line.isprintable(), "more than one line, or none that can be shown"
        return line

    return told


@pytest.fixture
def three_classes() -> Dataset:
    """60 train images of 1 x 4 x 4 bytes, 20 a class in turn; image i holds i in every pixel."""
    images = torch.arange(60, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 4, 4).contiguous()
    train = Split(images, torch.arange(60) % 3)
    test = Split(images[:3].clone(), torch.arange(3))
    return Dataset.of("small", Content(train, test, ("a", "b", "c")), source="the test")
