"""One step after another: the learning rate, the averaged weights, the state as of any step."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector

from making_trainings import RECIPE, training, training_case
from sabench.cases.recipe import Recipe
from sabench.train.session import Session, averaging_decay, rate_at


@pytest.mark.parametrize(
    ("step", "share"),
    [
        (0, 0.2),
        (4, 1.0),
        (5, 1.0),
        (5 + 45 // 3, 0.75),
        (49, 0.5 * (1 + math.cos(math.pi * 44 / 45))),
    ],
)
def test_the_rate_rises_in_a_line_and_falls_by_half_a_cosine(step: int, share: float) -> None:
    assert rate_at(step, 50, 0.1) == pytest.approx(share, abs=1e-12)


def test_without_a_warm_up_the_first_step_has_the_whole_rate() -> None:
    assert rate_at(0, 10, 0.0) == 1.0


def descent(**fields: Any) -> tuple[Session, list[Tensor]]:
    """Plain descent of a linear map by gradients of norm 0.01: they are larger, and clipped."""
    torch.manual_seed(0)
    plain = {"optimizer": "sgd", "momentum": 0, "weight_decay": 0, "ema": 0, "clip": 0.01}
    module = nn.Sequential(nn.Flatten(), nn.Linear(4, 2)).double()
    recipe = Recipe.model_validate(plain | fields)
    return Session(module, recipe, 10), list(module.parameters())


def moves(session: Session, weights: list[Tensor]) -> list[float]:
    """How far each of its steps, all on the same image, moves the weights."""
    images, labels, found = torch.ones(1, 1, 2, 2, dtype=torch.float64), torch.tensor([0]), []
    for _ in range(session.steps):
        before = parameters_to_vector(weights).detach()
        session.step(images, labels)
        found.append(float((parameters_to_vector(weights).detach() - before).norm()))
    return found


def test_every_step_is_as_long_as_its_rate_says() -> None:
    """Two steps of warm-up, half the rate and the whole, then half a cosine over eight."""
    shares = [0.5, 1.0] + [0.5 * (1 + math.cos(math.pi * step / 8)) for step in range(8)]
    session, weights = descent(lr=0.3, warmup=0.2)
    assert moves(session, weights) == pytest.approx([0.3 * 0.01 * one for one in shares], rel=1e-3)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_after_each_step_all_weights_have_the_rate_of_that_step(optimizer: str) -> None:
    session, _ = descent(optimizer=optimizer, lr=0.02, warmup=0)
    for step in range(10):
        session.step(torch.ones(1, 1, 2, 2, dtype=torch.float64), torch.tensor([0]))
        rate = 0.02 * 0.5 * (1 + math.cos(math.pi * step / 10))
        rates = [group["lr"] for group in session.optimizer.param_groups]
        assert rates == pytest.approx([rate, rate], rel=1e-12)


def test_descent_with_momentum_looks_ahead_as_nesterov_does() -> None:
    """Of a constant gradient g a step takes g + m v, v = g (1 + m + m^2 + ...) up to that step."""
    session, weights = descent(lr=1, warmup=0, momentum=0.5)
    speeds = [sum(0.5**power for power in range(step + 1)) for step in range(10)]
    ways = [0.01 * (1 + 0.5 * speed) for speed in speeds]
    rates = [0.5 * (1 + math.cos(math.pi * step / 10)) for step in range(10)]
    expected = [rate * way for rate, way in zip(rates, ways, strict=True)]
    assert moves(session, weights) == pytest.approx(expected, rel=1e-3)


def test_the_averages_decay_grows_up_to_its_own() -> None:
    assert averaging_decay(0.99, 0) == pytest.approx(0.1)
    assert averaging_decay(0.99, 8) == pytest.approx(0.5)
    assert averaging_decay(0.99, 10_000) == 0.99


def test_averaged_weights_are_the_sum_of_all_weights_by_their_decays() -> None:
    """Held to the recursion written out: a' = d a + (1 - d) w, d = (1 + n) / (10 + n)."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    session = Session(module, RECIPE, 5)
    images, labels = torch.randn(3, 1, 2, 2), torch.tensor([0, 1, 0])
    expected = None
    for n in range(5):
        session.step(images, labels)
        weight = module[1].weight.detach().clone()
        decay = (1 + n) / (10 + n)
        expected = weight if expected is None else decay * expected + (1 - decay) * weight
    assert session.average is not None
    found = session.average.module[1].weight
    torch.testing.assert_close(found, expected)
    assert not torch.equal(found, module[1].weight)


def test_a_batch_norms_statistics_are_averaged_like_weights_and_its_batches_counted() -> None:
    """A batch of k everywhere has the mean k, of which the norm takes a tenth."""
    module = nn.Sequential(nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(4, 2))
    session = Session(module, RECIPE, 5)
    running = expected = 0.0
    for n in range(5):
        session.step(torch.full((3, 1, 2, 2), n + 1.0), torch.tensor([0, 1, 0]))
        running = 0.9 * running + 0.1 * (n + 1)
        decay = (1 + n) / (10 + n) if n else 0.0
        expected = decay * expected + (1 - decay) * running
    assert session.average is not None
    found = dict(session.average.module.named_buffers())
    assert float(found["0.running_mean"]) == pytest.approx(expected, rel=1e-5)
    assert int(found["0.num_batches_tracked"]) == 5


def test_only_tensors_of_two_axes_or_more_decay() -> None:
    session = Session(nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)), RECIPE, 1)
    decaying, others = session.optimizer.param_groups
    assert [tuple(one.shape) for one in decaying["params"]] == [(4, 3, 1, 1)]
    assert decaying["weight_decay"] == RECIPE.weight_decay
    assert {tuple(one.shape) for one in others["params"]} == {(4,)}
    assert others["weight_decay"] == 0.0


def test_a_gradient_is_clipped_to_the_norm_that_the_recipe_gives() -> None:
    """One step of plain descent moves the weights by lr x clip, whatever the gradient."""
    recipe = Recipe(
        optimizer="sgd", momentum=0.0, lr=1.0, clip=0.25, warmup=0, weight_decay=0, ema=0
    )
    module = nn.Sequential(nn.Flatten(), nn.Linear(4, 2, bias=False))
    before = module[1].weight.detach().clone()
    Session(module, recipe, 1).step(1e3 * torch.ones(1, 1, 2, 2), torch.tensor([0]))
    moved = (module[1].weight.detach() - before).norm()
    assert float(moved) == pytest.approx(0.25, rel=1e-4)


def test_a_restored_session_goes_on_bit_for_bit() -> None:
    whole, first, second = training(), training(), training()
    batches = list(whole.feed.draw(0)) + list(whole.feed.draw(1))
    for images, labels in batches:
        whole.session.step(images, labels)
    for images, labels in batches[:4]:
        first.session.step(images, labels)
    second.session.restore(first.session.state())
    for images, labels in batches[4:]:
        second.session.step(images, labels)
    assert second.session.sha256() == whole.session.sha256()
    assert first.session.sha256() != whole.session.sha256()


def test_half_precision_is_the_networks_and_not_the_weights() -> None:
    made = training(training_case(autocast="bf16"))
    images, labels = next(made.feed.draw(0))
    with made.session.precision():
        assert made.session.module(images).dtype is torch.bfloat16
    made.session.step(images, labels)
    assert {one.dtype for one in made.session.module.parameters()} == {torch.float32}
