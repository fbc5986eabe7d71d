"""Whole trainings: from a random step on as if nothing had been, and those that lead nowhere."""

import os
import random
import signal
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import torch
from torch import Tensor

from making_trainings import RECIPE, training, training_case
from sabench.errors import ResultError
from sabench.records import Status
from sabench.train import training as training_module
from sabench.train.checkpoint import Checkpoint
from sabench.train.training import Training
from slowness import mostly_slow


class KilledError(Exception):
    """What ends a training in these tests."""


def killed_at(made: Training, step: int) -> None:
    """Run it until it has done so many steps."""
    learn = made.session.step

    def step_or_die(images: Tensor, labels: Tensor) -> Tensor:
        if made.session.done == step:
            raise KilledError
        return learn(images, labels)

    made.session.step = step_or_die  # type: ignore[method-assign]
    with pytest.raises(KilledError):
        made.run()


@pytest.fixture
def saves_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint after every step."""
    monkeypatch.setattr(training_module, "SAVE_EVERY_S", 0.0)
    monkeypatch.setattr(training_module, "SAVING_SHARE", float("inf"))


@pytest.mark.usefixtures("saves_always")
@pytest.mark.parametrize(
    "mix", mostly_slow(["conv", "self_attention", "augmented", "halo"], "self_attention".__eq__)
)
def test_a_training_killed_at_random_steps_ends_with_the_same_bits(
    mix: str, tmp_path: Path
) -> None:
    case = training_case(mix)
    whole = training(case)
    whole.run()
    steps = whole.session.steps
    for step in sorted(random.Random(mix).sample(range(1, steps), 2)):
        made = training(case, checkpoint=Checkpoint(tmp_path / "state.pt", "this"))
        killed_at(made, step)
    last = training(case, checkpoint=Checkpoint(tmp_path / "state.pt", "this"))
    last.run()
    assert last.session.sha256() == whole.session.sha256()
    assert [one.model_dump(exclude={"seconds"}) for one in last.curve] == [
        one.model_dump(exclude={"seconds"}) for one in whole.curve
    ]
    assert len(last.resumed_at) == 2
    assert last.resumed_at[-1] == step


@pytest.mark.usefixtures("saves_always")
def test_a_module_that_draws_goes_on_drawing_where_it_was_killed(tmp_path: Path) -> None:
    def dropping(checkpoint: Checkpoint | None = None) -> Training:
        made = training(checkpoint=checkpoint)
        module = made.session.module
        module.classifier = torch.nn.Sequential(torch.nn.Dropout(0.5), module.classifier)
        return made

    whole = dropping()
    whole.run()
    killed_at(dropping(Checkpoint(tmp_path / "state.pt", "this")), whole.session.steps // 2)
    torch.rand(7)  # whatever else draws in between
    last = dropping(Checkpoint(tmp_path / "state.pt", "this"))
    last.run()
    assert last.resumed_at == [whole.session.steps // 2]
    assert last.session.sha256() == whole.session.sha256()


@pytest.mark.usefixtures("saves_always")
def test_joules_are_counted_around_the_steps_alone_over_a_kill_too(tmp_path: Path) -> None:
    """A counter that moves by one a step, and by a thousand while the network is tested."""

    def counted(made: Training) -> Training:
        tested = 0

        def joules() -> float:
            nonlocal tested
            tested += not made.session.module.training
            return made.session.done + 1000.0 * tested

        made.joules = joules
        return made

    case = training_case("conv")
    first = counted(training(case, checkpoint=Checkpoint(tmp_path / "state.pt", "this")))
    killed_at(first, first.feed.steps + 1)
    last = counted(training(case, checkpoint=Checkpoint(tmp_path / "state.pt", "this")))
    last.run()
    assert [one.joules for one in last.curve] == [float(last.feed.steps)] * len(last.curve)


def test_without_a_counter_no_epoch_has_joules() -> None:
    made = training()
    made.run()
    assert {one.joules for one in made.curve} == {None}


def test_another_seed_ends_with_other_bits() -> None:
    one, other = training(seed=0), training(seed=1)
    one.run()
    other.run()
    assert one.session.sha256() != other.session.sha256()


def test_a_state_of_another_training_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    Checkpoint(path, "this").save({"session": 1})
    assert Checkpoint(path, "this").load() == {"session": 1}
    assert Checkpoint(path, "another").load() is None


def test_a_torn_state_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    Checkpoint(path, "this").save({"weights": torch.ones(100)})
    path.write_bytes(path.read_bytes()[:-50])
    assert Checkpoint(path, "this").load() is None


def test_a_loss_that_is_no_number_ends_the_training_with_its_curve() -> None:
    made = training()
    with torch.no_grad():
        made.session.module.classifier.bias.fill_(float("nan"))
    made.run()
    assert made.status is Status.NONFINITE
    assert made.message == "the training loss of epoch 1 is not finite"
    assert [one.train_loss for one in made.curve] == [None]


def test_weights_that_the_last_step_spoilt_are_seen_in_the_test_loss() -> None:
    made = training(training_case(batch=96), RECIPE.model_copy(update={"epochs": 1}))
    assert made.session.steps == 1
    learn = made.session.step

    def spoil(images: Tensor, labels: Tensor) -> Tensor:
        loss = learn(images, labels)
        with torch.no_grad():
            made.session.module.classifier.bias.fill_(float("inf"))
        return loss

    made.session.step = spoil  # type: ignore[method-assign]
    made.run()
    assert (made.status, made.message) == (
        Status.NONFINITE,
        "the test loss of epoch 1 is not finite",
    )


def test_a_state_that_cannot_be_kept_does_not_end_the_training(tmp_path: Path) -> None:
    made = training(checkpoint=Checkpoint(tmp_path / "gone" / "deep" / "state.pt", "this"))
    made._save()
    assert "state.pt: cannot write" in made.unsaved


def test_a_signal_while_a_state_is_written_comes_when_it_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = Checkpoint(tmp_path / "state.pt", "this")
    save = torch.save

    def save_and_be_asked_to_end(*arguments: Any) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        save(*arguments)

    def end(_number: int, _frame: FrameType | None) -> None:
        raise KilledError

    before = signal.signal(signal.SIGTERM, end)
    try:
        monkeypatch.setattr(torch, "save", save_and_be_asked_to_end)
        with pytest.raises(KilledError):
            checkpoint.save({"weights": torch.ones(10)})
        assert signal.getsignal(signal.SIGTERM) is end
    finally:
        signal.signal(signal.SIGTERM, before)
    assert checkpoint.load() is not None


def test_a_loss_far_above_a_guess_is_a_divergence() -> None:
    made = training(recipe=RECIPE.model_copy(update={"lr": 1, "clip": 0, "optimizer": "sgd"}))
    made.run()
    assert made.status is Status.DIVERGED
    assert "more than 2 times that of a guess: lower lr" in made.message


def test_it_learns_what_a_guess_cannot_know() -> None:
    """96 images by heart: the loss on them falls below that of a guess among two classes."""
    made = training(recipe=RECIPE.model_copy(update={"epochs": 20, "label_smoothing": 0}))
    made.run()
    assert made.curve[-1].train_loss < 0.3


def test_progress_tells_epoch_loss_accuracy_and_what_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(training_module, "TELL_EVERY_S", 0.0)
    said: list[str] = []
    made = training()
    made.tell = said.append
    made.run()
    assert said[0].startswith("epoch 1/3, loss ")
    assert "accuracy" not in said[0]
    assert said[-1].startswith("epoch 3/3, loss ")
    assert ", accuracy " in said[-1]
    assert said[-1].endswith(", 0 s left")


def test_a_checkpoint_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    state: dict[str, Any] = {}
    with pytest.raises(ResultError, match=r"state\.pt: cannot write"):
        Checkpoint(blocked / "state.pt", "this").save(state)
