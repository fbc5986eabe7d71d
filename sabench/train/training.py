"""A whole training: epochs of steps, what each epoch came to, checkpoints in between."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from sabench.cases.recipe import Epoch
from sabench.errors import ResultError
from sabench.records import Status
from sabench.train.checkpoint import Checkpoint
from sabench.train.feed import Feed
from sabench.train.session import Session

TELL_EVERY_S = 1.0
SAVE_EVERY_S = 2.0  # at most; and saving takes no more than a fiftieth of the time
SAVING_SHARE = 0.02
DIVERGED = 2.0  # times the loss of a guess among the classes: a guess itself, marked as such


@dataclass(frozen=True, slots=True)
class Tested:
    """The mean over the test split."""

    accuracy: float
    loss: float


Tell = Callable[[str], None]
"""Takes a line on how far it is, for a person who watches."""


def count_nothing() -> float | None:
    """No counter of joules."""
    return None


def tell_nobody(_text: str) -> None:
    """Nobody watches."""


@dataclass(slots=True)
class Training:
    """Goes from the last checkpoint, if there is one, to the end, or to where it fails."""

    session: Session
    feed: Feed
    checkpoint: Checkpoint
    tell: Tell = tell_nobody
    joules: Callable[[], float | None] = count_nothing
    clock: Callable[[], float] = time.perf_counter
    curve: list[Epoch] = field(default_factory=list)
    resumed_at: list[int] = field(default_factory=list)  # steps that were done when it went on
    status: Status = Status.OK
    message: str = ""
    unsaved: str = ""  # why the last state that could not be kept was not
    _loss: Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.float64))
    _seconds: float = 0.0  # of the epoch so far
    _joules: float | None = 0.0  # of the same; None once it was not told
    _told_at: float = -math.inf
    _saved_at: float = 0.0
    _saving_s: float = 0.0  # what the last checkpoint took
    _started_at: float = 0.0
    _done_before: int = 0  # steps, when it went on

    def run(self) -> None:
        """Train to the end; `status` and `message` say if it did not get there."""
        self._restore()
        self._saved_at = self._started_at = self.clock()
        self._done_before = self.session.done
        steps, epochs = self.feed.steps, self.session.steps // self.feed.steps
        while len(self.curve) < epochs:
            epoch = len(self.curve)
            self._learn(epoch, self.session.done - epoch * steps, epochs)
            self.curve.append(self._ended(steps))
            if problem := self._problem():
                self.status, self.message = problem
                return
            self._loss = torch.zeros_like(self._loss)
            self._seconds = self._joules = 0.0

    def _learn(self, epoch: int, start: int, epochs: int) -> None:
        """The steps of an epoch that are left."""
        began = self._now()
        self._loss = self._loss.to(self.session.device)
        for step, (images, labels) in enumerate(self.feed.draw(epoch, start), start + 1):
            self._loss += self.session.step(images, labels)
            now = self.clock()
            if now - self._told_at >= TELL_EVERY_S:
                self._told_at = now
                self.tell(self._progress(epoch, epochs, step, now))
            if now - self._saved_at >= max(SAVE_EVERY_S, self._saving_s / SAVING_SHARE):
                self._take(began)
                self._save()
                began = self._now()
        self._take(began)

    def _now(self) -> tuple[float, float | None]:
        return self.clock(), self.joules()

    def _take(self, began: tuple[float, float | None]) -> None:
        """Charge the epoch with what passed since then, once the device has done it."""
        self._synchronise()
        (start, before), (end, after) = began, self._now()
        self._seconds += end - start
        known = self._joules is not None and before is not None and after is not None
        self._joules = self._joules + after - before if known else None  # type: ignore[operator]

    def _progress(self, epoch: int, epochs: int, step: int, now: float) -> str:
        """Loss and accuracy so far, and how long it takes at the pace so far, tests and all."""
        done, steps = self.session.done, self.session.steps
        left = (now - self._started_at) / (done - self._done_before) * (steps - done)
        loss = float(self._loss) / step
        accuracy = f", accuracy {self.curve[-1].accuracy:.1%}" if self.curve else ""
        return f"epoch {epoch + 1}/{epochs}, loss {loss:.3f}{accuracy}, {left:.0f} s left"

    def _ended(self, steps: int) -> Epoch:
        tested = test(self.session, self.session.module, self.feed)
        return Epoch(
            train_loss=_number(float(self._loss) / steps),
            test_loss=_number(tested.loss),
            accuracy=tested.accuracy,
            seconds=self._seconds,
            joules=self._joules,
        )

    def _problem(self) -> tuple[Status, str] | None:
        """Whether the last epoch shows that this leads nowhere."""
        epoch, last = len(self.curve), self.curve[-1]
        if last.train_loss is None or last.test_loss is None:
            which = "training" if last.train_loss is None else "test"
            return Status.NONFINITE, f"the {which} loss of epoch {epoch} is not finite"
        limit = DIVERGED * math.log(max(2, len(self.feed.data.classes)))
        if last.train_loss > limit:
            return Status.DIVERGED, (
                f"the training loss of epoch {epoch} is {last.train_loss:.3g}, more than "
                f"{DIVERGED:g} times that of a guess: lower lr"
            )
        return None

    def _save(self) -> None:
        start = self.clock()
        state: dict[str, Any] = {
            "session": self.session.state(),
            "curve": [one.model_dump() for one in self.curve],
            "loss": self._loss,
            "seconds": self._seconds,
            "joules": self._joules,
            "resumed_at": self.resumed_at,
        }
        try:
            self.checkpoint.save(state)
        except ResultError as error:  # the training goes on: its next state may find room
            self.unsaved = str(error)
        self._saved_at = self.clock()
        self._saving_s = self._saved_at - start

    def _restore(self) -> None:
        state = self.checkpoint.load()
        if state is None:
            return
        self.session.restore(state["session"])
        self.curve = [Epoch.model_validate(one) for one in state["curve"]]
        self._loss, self._seconds = state["loss"], state["seconds"]
        self._joules = state.get("joules")
        self.resumed_at = [*state["resumed_at"], self.session.done]

    def _synchronise(self) -> None:
        if self.session.device.type == "cuda":
            torch.cuda.synchronize(self.session.device)


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def test(session: Session, module: nn.Module, feed: Feed) -> Tested:
    """How a module does on the test split, in the session's precision."""
    module.eval()
    right = torch.zeros((), dtype=torch.int64, device=session.device)
    loss = torch.zeros((), dtype=torch.float64, device=session.device)
    with torch.inference_mode(), session.precision():
        for images, labels in feed.tests():
            logits = module(images).float()
            right += (logits.argmax(1) == labels).sum()
            loss += functional.cross_entropy(logits, labels, reduction="sum")
    count = len(feed.test)
    return Tested(int(right) / count, float(loss) / count)
