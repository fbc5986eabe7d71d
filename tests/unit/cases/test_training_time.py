"""Predicted trainings: epochs, steps and tests by hand, and images counted where they lie."""

from pathlib import Path

import pytest

from sabench.cases.case import Case
from sabench.cases.cost import case_cost
from sabench.cases.plan import make_jobs
from sabench.cases.predict import job_seconds
from sabench.cases.rates import call_seconds, lessons
from sabench.cases.recipe import Recipe
from sabench.cases.training_time import SOME_IMAGES, STEP_S, image_counts, training_seconds
from sabench.catalog.data import parse_data
from sabench.catalog.presets import TRAINING_PRESETS
from sabench.known import Known
from sabench.records import Reading, Record, Status
from sabench.train.data.load import load_data

XOR = "xor:train=1000,test=100"
NOTHING = Known(device="cpu:any")


def case(**fields: object) -> Case:
    told = {"kind": "network", "subject": "resnet26", "resolution": 32, "mode": "train"}
    return Case.model_validate(told | {"batch": 50, "data": XOR} | fields)


@pytest.mark.parametrize(
    ("fields", "epochs", "steps", "tests"),
    [
        ({}, 12, 20, 2),
        ({"e": 4}, 3, 20, 2),
        ({"e": 100}, 1, 20, 2),
        ({"s": 4}, 12, 5, 2),
        ({"s": 40}, 12, 1, 4),  # 25 images are a batch of their own
        ({"batch": 30}, 12, 33, 4),  # a rest fills no batch, but is tested
    ],
)
def test_a_training_is_its_epochs_of_steps_and_tests(
    fields: dict[str, int], epochs: int, steps: int, tests: int
) -> None:
    found = training_seconds(case(**fields), Recipe(epochs=12), 0.3)
    assert found == pytest.approx(epochs * (steps * (0.3 + STEP_S) + tests * 0.1))


def test_images_are_counted_where_they_lie_and_guessed_elsewhere(tmp_path: Path) -> None:
    for split, count in (("train", 5), ("test", 2)):
        for name in ("a", "b"):
            folder = tmp_path / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                (folder / f"{number}.png").touch()
    assert image_counts(str(tmp_path)) == (10, 4)
    assert image_counts(XOR) == (1000, 100)
    (tmp_path / "images.npz").touch()
    assert image_counts(str(tmp_path / "images.npz")) == (SOME_IMAGES, SOME_IMAGES // 5)


@pytest.mark.parametrize("name", ["digits", "permuted_digits"])
def test_the_digits_are_as_many_as_is_said(name: str) -> None:
    found = load_data(parse_data(name))
    assert image_counts(name) == (len(found.train), len(found.test))


def test_a_training_teaches_how_fast_its_steps_are() -> None:
    one, preset = case(), TRAINING_PRESETS["quick"]
    (job, *_) = make_jobs([one], ["cpu"], ["train_throughput"], preset, seed=0)
    record = Record(
        job_id=job.job_id,
        case_id=one.case_id,
        device="cpu",
        environment="",
        suite="it",
        preset="quick",
        replicate=0,
        status=Status.OK,
        readings={"train_throughput": Reading.of("1/s", [100.0])},
        started_utc="2026-01-01T00:00:00+00:00",
        wall_s=9.0,
    )
    known = NOTHING.learn(lessons([one], [record]))
    cost = case_cost(one)
    assert call_seconds(one, cost, known) == pytest.approx(0.5)  # 50 images at 100 a second
    longer = case(e=1, s=2)
    found = job_seconds(job.model_copy(update={"case": longer}), cost, preset, known, Recipe())
    assert found == pytest.approx(training_seconds(longer, Recipe(), 0.5), rel=0.25)
