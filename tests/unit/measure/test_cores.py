"""The cores that a job is pinned to, in what is told of it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from faking import fake_case, plant
from making_runs import batch_of, run_info
from making_trainings import RECIPE, training_case, training_run
from sabench.measure.cores import pinned_cores
from sabench.measure.runner import run_job
from sabench.records import Flag
from sabench.train.job import run_training


@pytest.fixture
def core() -> Iterator[int]:
    """The one that this process is pinned to meanwhile."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    yield min(before)
    os.sched_setaffinity(0, before)


def test_a_pinned_process_names_the_cores_that_it_has(core: int) -> None:
    assert pinned_cores((core,), ()) == [core]
    assert pinned_cores((core, 99_999), (Flag.HOST_NOISY,)) == [core]  # of those asked for


def test_one_that_was_not_pinned_names_none() -> None:
    assert pinned_cores((), ()) is None
    assert pinned_cores((0,), (Flag.NOT_PINNED,)) is None


def test_a_record_names_them(core: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, tmp_path)
    (job,) = run_info((fake_case(4),)).jobs()[:1]
    assert run_job(job, batch_of([job], cores=(core,)))[0].details["cores"] == [core]
    assert run_job(job, batch_of([job]), (Flag.NOT_PINNED,))[0].details["cores"] is None


def test_a_training_names_them(core: int, tmp_path: Path) -> None:
    (job,) = training_run(tmp_path / "run", training_case(), recipe=RECIPE).info.jobs()
    batch = batch_of([job], cores=(core,), recipe=RECIPE)
    assert run_training(job, batch)[0].details["cores"] == [core]
