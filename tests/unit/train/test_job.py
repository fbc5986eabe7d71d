"""What a training's record holds: of the last epoch, whatever came before."""

from collections.abc import Callable
from pathlib import Path

import pytest
from torch import nn

from making_trainings import RECIPE, training_case, training_run
from sabench.cases.plan import Batch
from sabench.records import SHOWN, Record
from sabench.train import job as job_module
from sabench.train import training as training_module
from sabench.train.feed import Feed
from sabench.train.job import run_training
from sabench.train.session import Session
from sabench.train.usage import MemoryUse


def record_of_training(path: Path, **recipe: object) -> Record:
    """The record of one small training in this process."""
    folder = training_run(
        path, training_case(), recipe=RECIPE.model_copy(update={"epochs": 3, **recipe})
    )
    (job,) = folder.info.jobs()
    batch = Batch(
        batch_id="it",
        suite="it",
        preset=folder.info.preset,
        environment="",
        device="cpu",
        threads=1,
        cores=(),
        memory_limit=0,
        recipe=folder.info.recipe,
        jobs=(job,),
    )
    record, _ = run_training(job, batch)
    return record


def test_erratum_11_the_test_split_chooses_no_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The best epoch by the test split would be a figure of the test split's own choosing."""
    found = iter([0.4, 0.9, 0.5])
    monkeypatch.setattr(
        training_module, "test", lambda *_: training_module.Tested(next(found), 1.0)
    )
    record = record_of_training(tmp_path / "run", ema=0.0)
    assert record.status in SHOWN, record.message
    assert record.readings["accuracy"].samples == (0.5,)
    assert record.readings["accuracy_last"].samples == (0.5,)


def test_accuracy_is_of_the_averaged_weights_and_accuracy_last_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(session: Session, module: nn.Module, _feed: Feed) -> training_module.Tested:
        assert session.average is not None
        accuracy = {session.module: 0.25, session.average.module: 0.75}[module]
        return training_module.Tested(accuracy, 1.0)

    monkeypatch.setattr(training_module, "test", told)
    monkeypatch.setattr(job_module, "test", told)
    readings = record_of_training(tmp_path / "run", ema=0.9).readings
    assert readings["accuracy"].samples == (0.75,)
    assert readings["accuracy"].details == {"weights": "averaged", "last": 0.25}
    assert readings["accuracy_last"].samples == (0.25,)


def test_joules_are_read_or_the_reason_is_told(tmp_path: Path) -> None:
    energy = record_of_training(tmp_path / "run").readings["train_energy"]
    assert (energy.statistics is None) == bool(energy.reason)
    assert energy.details["validity"] in ("unavailable", "valid", "shared")


def test_the_data_are_held_before_memory_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[type] = []

    def noted(one: type) -> Callable[..., object]:
        def make(*words: object, **named: object) -> object:
            made.append(one)
            return one(*words, **named)

        return make

    monkeypatch.setattr(job_module, "Feed", noted(Feed))
    monkeypatch.setattr(job_module, "MemoryUse", noted(MemoryUse))
    assert record_of_training(tmp_path / "run").status in SHOWN
    assert made == [Feed, MemoryUse]
