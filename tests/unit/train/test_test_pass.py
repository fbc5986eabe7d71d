"""How a network does on the test split: as it is used, in the precision that was asked for."""

import math

import pytest
import torch
from torch import Tensor, nn

from making_trainings import RECIPE
from sabench.cases.case import Autocast
from sabench.train import training as training_module
from sabench.train.data.dataset import Content, Dataset, Split
from sabench.train.feed import Feed
from sabench.train.session import Session

CPU = torch.device("cpu")


def signs(count: int = 6) -> Dataset:
    """Pixels -1 in even images and 1 in odd ones: already normalised, and the class."""
    labels = torch.arange(count) % 2
    split = Split((2.0 * labels - 1).view(-1, 1, 1, 1).expand(-1, 1, 4, 4).clone(), labels)
    return Dataset.of("signs", Content(split, split, ("minus", "plus")), source="test")


def reader() -> tuple[nn.Module, nn.Linear]:
    """Knows the class with a margin of 3: logits 1.5 x the pixel's sign; all zero as it learns."""
    linear = nn.Linear(3 * 16, 2, bias=False)
    with torch.no_grad():
        linear.weight.copy_(torch.tensor([-1.5, 1.5]).view(2, 1) / 48)
    return nn.Sequential(nn.Flatten(), linear, nn.Dropout(1.0)), linear


def dtypes_of(linear: nn.Linear) -> list[torch.dtype]:
    """Gets, from now on, what each call of it computes in."""
    seen: list[torch.dtype] = []

    def see(_linear: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        seen.append(output.dtype)

    linear.register_forward_hook(see)
    return seen


def test_a_network_is_tested_as_it_is_used_and_not_as_it_learns() -> None:
    """Where everything was dropped, it would guess: half of them right, a loss of log 2."""
    module, _ = reader()
    session, feed = Session(module, RECIPE, 1), Feed(signs(), 4, 0, CPU, augments=False)
    tested = training_module.test(session, module.train(), feed)
    assert tested.accuracy == 1.0
    assert tested.loss == pytest.approx(math.log(1 + math.exp(-3)), rel=1e-5)


def test_after_a_test_a_network_learns_as_before() -> None:
    """Everything is dropped again: the loss is that of a guess."""
    module, _ = reader()
    recipe = RECIPE.model_copy(update={"label_smoothing": 0})
    session, feed = Session(module, recipe, 1), Feed(signs(), 6, 0, CPU, augments=False)
    training_module.test(session, module, feed)
    (batch,) = feed.draw(0)
    assert float(session.step(*batch)) == pytest.approx(math.log(2))


@pytest.mark.parametrize(("autocast", "dtype"), [("none", torch.float32), ("bf16", torch.bfloat16)])
def test_a_network_learns_and_is_tested_in_the_precision_asked_for(
    autocast: Autocast, dtype: torch.dtype
) -> None:
    module, linear = reader()
    feed = Feed(signs(), 6, 0, CPU, augments=False)
    session, seen = Session(module, RECIPE, 1, autocast=autocast), dtypes_of(linear)
    session.step(*next(feed.draw(0)))
    training_module.test(session, module, feed)
    assert seen == [dtype, dtype]
