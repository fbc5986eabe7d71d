"""The cores that a job is pinned to, in what is told of it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from faking import fake_case, plant
from making_runs import batch_of, run_info
from making_trainings import RECIPE, training_case, training_run
from sabench.measure.cores import are_alike, pinned_cores, preset_of
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


def test_cores_are_of_one_kind_where_nothing_tells_them_apart(tmp_path: Path) -> None:
    """By capacity, as on ARM; by the list of small cores, as on Intel; not told: of one kind."""
    for core, capacity in ((0, 1024), (1, 1024), (2, 446)):
        folder = tmp_path / "system" / "cpu" / f"cpu{core}"
        folder.mkdir(parents=True)
        (folder / "cpu_capacity").write_text(f"{capacity}\n")
    assert are_alike((0, 1), tmp_path)
    assert are_alike((2,), tmp_path)
    assert not are_alike((1, 2), tmp_path)
    assert are_alike((7, 8), tmp_path)
    (tmp_path / "cpu_atom").mkdir()
    (tmp_path / "cpu_atom" / "cpus").write_text("8-11,14\n")
    assert not are_alike((7, 8), tmp_path)
    assert are_alike((8, 9, 14), tmp_path)


@pytest.mark.parametrize(("flags", "reads"), [((), True), ((Flag.NOT_PINNED,), False)])
def test_a_process_that_may_move_reads_no_core(flags: tuple[Flag, ...], reads: bool) -> None:
    (job,) = run_info((fake_case(4),)).jobs()[:1]
    batch = batch_of([job])
    assert batch.preset.slow_core == 1.25
    told = preset_of(batch, flags)
    assert told == (batch.preset if reads else batch.preset.model_copy(update={"slow_core": 0.0}))


def test_a_record_names_them(core: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, tmp_path)
    (job,) = run_info((fake_case(4),)).jobs()[:1]
    assert run_job(job, batch_of([job], cores=(core,)))[0].details["cores"] == [core]
    assert run_job(job, batch_of([job]), (Flag.NOT_PINNED,))[0].details["cores"] is None


def test_a_training_names_them(core: int, tmp_path: Path) -> None:
    (job,) = training_run(tmp_path / "run", training_case(), recipe=RECIPE).info.jobs()
    batch = batch_of([job], cores=(core,), recipe=RECIPE)
    assert run_training(job, batch)[0].details["cores"] == [core]
