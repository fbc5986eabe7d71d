"""Trainings small enough for a test: a network of four narrow blocks on a few made-up images."""

from pathlib import Path
from typing import Any

import torch

from making_runs import new_run, preset
from sabench.cases.case import Case
from sabench.cases.recipe import Recipe
from sabench.catalog.data import parse_data
from sabench.catalog.metrics import metrics_of
from sabench.store.run_folder import RunFolder
from sabench.train.checkpoint import Checkpoint
from sabench.train.data.load import load_data
from sabench.train.feed import Feed
from sabench.train.job import build_trained
from sabench.train.session import Session
from sabench.train.training import Training

XOR = "xor:train=96,test=32"
SMALL = {"width": 0.125, "depth": 0.1}
HEADS = {"self_attention": 2, "augmented": 1, "halo": 2}
RECIPE = Recipe(epochs=3, batch=32)


def training_case(mix: str = "conv", **fields: Any) -> Case:
    """A training of a reduced ResNet-26 on 96 images of 16 px."""
    options = ({} if mix == "conv" else {"mix": mix}) | SMALL
    if mix in HEADS:
        options |= {f"{mix}.heads": HEADS[mix]}
    plain = {"kind": "network", "subject": "resnet26", "resolution": 16, "data": XOR}
    return Case.model_validate(plain | {"mode": "train", "batch": 32, "options": options} | fields)


def training_run(path: Path, *cases: Case, recipe: Recipe = RECIPE, seeds: int = 1) -> RunFolder:
    """A run folder of these trainings."""
    return new_run(
        path,
        cases,
        metrics=metrics_of("train"),
        rank_by="accuracy",
        recipe=recipe,
        preset=preset(processes=seeds, deadline_s=600.0, memory_apart=False),
    )


def training(
    case: Case | None = None,
    recipe: Recipe = RECIPE,
    *,
    seed: int = 0,
    checkpoint: Checkpoint | None = None,
) -> Training:
    """The parts of one training, put together as its job does."""
    case = case or training_case()
    data, device = load_data(parse_data(case.data)), torch.device("cpu")
    feed = Feed(data, case.batch, seed, device, augments=recipe.augment)
    module = build_trained(case, len(data.classes), seed, device)
    session = Session(module, recipe, recipe.epochs * feed.steps, autocast=case.autocast)
    return Training(session, feed, checkpoint or Checkpoint(None, ""))
