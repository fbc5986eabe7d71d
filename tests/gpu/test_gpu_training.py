"""Trainings on a real device: they learn, say what they took, and go on after a kill."""

from pathlib import Path

import pytest
import torch

from making_runs import batch_of
from making_trainings import RECIPE, training_case, training_run
from sabench.records import SHOWN, Record
from sabench.train.checkpoint import Checkpoint
from sabench.train.feed import Feed
from sabench.train.job import build_trained, data_of, run_training
from sabench.train.session import Session
from sabench.train.training import Training

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


def trained(path: Path, mix: str = "conv", **fields: object) -> Record:
    """The record of one small training on the first device."""
    folder = training_run(path, training_case(mix, **fields))
    (job,) = folder.info.jobs()
    job = job.model_copy(update={"device": "cuda:0"})
    batch = batch_of([job], device="cuda:0", preset=folder.info.preset, recipe=RECIPE)
    return run_training(job, batch)[0]


@pytest.mark.parametrize("mix", ["conv", "self_attention", "augmented", "halo"])
@pytest.mark.parametrize("autocast", ["none", "bf16", "fp16"])
def test_a_training_learns_and_says_what_it_took(mix: str, autocast: str, tmp_path: Path) -> None:
    record = trained(tmp_path / "run", mix, autocast=autocast)
    assert record.status in SHOWN, record.message
    curve = record.details["curve"]
    assert isinstance(curve, list)
    assert curve[-1]["train_loss"] < curve[0]["train_loss"]  # type: ignore[index,call-overload,operator]
    assert (record.readings["train_memory"].median or 0) > 0
    energy = record.readings["train_energy"]
    assert energy.reason or (energy.median or 0) > 0


def test_a_training_goes_on_from_its_state(tmp_path: Path) -> None:
    case, device = training_case(), torch.device("cuda:0")

    def made() -> Training:
        data = data_of(case)
        feed = Feed(data, case.batch, 0, device, augments=True)
        module = build_trained(case, len(data.classes), 0, device)
        session = Session(module, RECIPE, RECIPE.epochs * feed.steps, autocast="none")
        return Training(session, feed, Checkpoint(tmp_path / "state.pt", "it"))

    first = made()
    first._learn(0, 0, RECIPE.epochs)
    first._save()
    last = made()
    last.run()
    assert last.resumed_at == [first.feed.steps]
    assert len(last.curve) == RECIPE.epochs
