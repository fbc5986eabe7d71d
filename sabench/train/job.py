"""One job: train a network by its recipe, and say what came of it."""

import hashlib
import json
from functools import lru_cache, partial
from pathlib import Path

import torch
from pydantic import JsonValue
from torch import nn

from sabench.cases.case import Case
from sabench.cases.cost import case_plan
from sabench.cases.plan import Batch, Job
from sabench.cases.recipe import Recipe
from sabench.catalog.data import parse_data
from sabench.measure.building import DTYPES, set_tf32
from sabench.measure.cores import pinned_cores
from sabench.measure.load import ForeignLoad, machine_usage
from sabench.measure.outcome import Outcome, conclude
from sabench.measure.termination import Termination
from sabench.networks.build import build_network
from sabench.records import Flag, Reading, Record, Status
from sabench.train.checkpoint import Checkpoint
from sabench.train.data.dataset import Dataset
from sabench.train.data.load import load_data
from sabench.train.feed import Feed
from sabench.train.session import Session
from sabench.train.training import Tell, Training, tell_nobody, test
from sabench.train.usage import EnergyUse, MemoryUse


def run_training(
    job: Job,
    batch: Batch,
    flags: tuple[Flag, ...] = (),
    tell: Tell = tell_nobody,
    termination: Termination | None = None,
) -> tuple[Record, bool]:
    """The job's record, and whether this process must not go on. Never raises."""
    return conclude(job, batch, termination, partial(_train, job, batch, flags, tell))


def _train(
    job: Job, batch: Batch, flags: tuple[Flag, ...], tell: Tell, taken: dict[str, Reading]
) -> Outcome:
    """Train, test, and read off what the training's metrics are.

    Raises: ConfigError for data or a network that cannot be had; whatever the network raises.
    """
    case, recipe, device = job.case, batch.recipe or Recipe(), torch.device(job.device)
    set_tf32(case, device)
    data = data_of(case)
    feed = Feed(data, case.batch, job.replicate, device, augments=recipe.augment)
    memory = MemoryUse(device, is_alone=len(batch.jobs) == 1)
    energy = EnergyUse.of(job.device)
    module = build_trained(case, len(data.classes), job.replicate, device)
    steps = recipe.epochs_of(case.e) * feed.steps
    session = Session(module, recipe, steps, autocast=case.autocast)
    checkpoint = _checkpoint(job, batch, recipe, data)
    training = Training(session, feed, checkpoint, tell, joules=energy.joules)
    before = machine_usage()
    training.run()
    load = ForeignLoad.between(before, machine_usage())
    details: dict[str, JsonValue] = {
        "seed": job.replicate,
        "recipe": recipe.model_dump(mode="json"),
        "data": told_of(data),
        "steps": session.done,
        "curve": [one.model_dump(mode="json") for one in training.curve],
        "resumed_at": [*training.resumed_at],
        "weights_sha256": session.sha256(),
        "unsaved": training.unsaved,
        "torch_threads": torch.get_num_threads(),
        "cores": pinned_cores(batch.cores, flags),
        **load.told(),
    }
    flags += load.flags
    if training.status is not Status.OK:
        return Outcome(training.status, training.message, flags=flags, details=details)
    found = _readings(training) | {
        "train_memory": memory.reading(),
        "train_energy": energy.reading(training.curve),
    }
    readings = {name: found[name] for name in job.metrics}
    status = Status.OK_FLAGGED if flags else Status.OK
    return Outcome(status, "", readings, flags, details)


def build_trained(case: Case, classes: int, seed: int, device: torch.device) -> nn.Module:
    """One seed gives every network its own weights, and every layer of a network's slots alike."""
    torch.manual_seed(seed)
    module = build_network(case_plan(case, classes=classes), implementation=case.implementation)
    module = module.to(device=device, dtype=DTYPES[case.dtype])
    if case.layout == "channels_last":
        module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return module


def data_of(case: Case) -> Dataset:
    """What the case trains on or is scored with, resized and shared out as its r and s say."""
    return _loaded(case.data, (case.resolution or 0) // case.r, case.s)


@lru_cache(maxsize=1)
def _loaded(text: str, size: int, share: int) -> Dataset:
    """Read once for the jobs of a process that want the same."""
    return load_data(parse_data(text), size=size).share(share)


def _checkpoint(job: Job, batch: Batch, recipe: Recipe, data: Dataset) -> Checkpoint:
    words = (job.case.case_id, job.device, job.replicate, data.sha256, torch.__version__)
    text = json.dumps([*words, recipe.model_dump(mode="json")])
    path = Path(batch.checkpoints) / f"{job.job_id}.pt" if batch.checkpoints else None
    return Checkpoint(path, hashlib.sha256(text.encode()).hexdigest())


def told_of(data: Dataset) -> dict[str, JsonValue]:
    """What a record keeps of its data."""
    return {
        "name": data.name,
        "source": data.source,
        "sha256": data.sha256,
        "train_images": len(data.train),
        "test_images": len(data.test),
        "classes": len(data.classes),
    }


def _readings(training: Training) -> dict[str, Reading]:
    """Of the last epoch, never of the best: the test split chooses nothing."""
    session, feed, curve = training.session, training.feed, training.curve
    images, last = feed.steps * feed.batch, curve[-1]
    accuracy: dict[str, JsonValue] = {"weights": "last"}
    headline = last.accuracy
    if session.average is not None:
        headline = test(session, session.average.module, feed).accuracy
        accuracy = {"weights": "averaged", "last": last.accuracy}
    return {
        "accuracy": Reading.of("1", [headline], details=accuracy),
        "accuracy_last": Reading.of("1", [last.accuracy]),
        "test_loss": Reading.of("1", [last.test_loss or 0.0]),
        "train_loss": Reading.of("1", [last.train_loss or 0.0]),
        "epoch_time": Reading.of("s", [one.seconds for one in curve]),
        "train_time": Reading.of("s", [sum(one.seconds for one in curve)]),
        "train_throughput": Reading.of("1/s", [images / one.seconds for one in curve]),
    }
