"""A run folder measured to its leaderboard: where its jobs ran, and what is left after a fault."""

from pathlib import Path

import pytest

from making_runs import STAND_IN, environment, faulty, new_run, preset, record_of
from sabench.cases.plan import Batch
from sabench.catalog.launchers import LAUNCHERS, Launcher, find_launcher
from sabench.errors import ConfigError, DeviceError, ResultError
from sabench.known import load_cores
from sabench.launch.process import ProcessLauncher
from sabench.launch.resume import resume
from sabench.launch.run import measure
from sabench.measure.core_speed import what_is_timed
from sabench.measure.environment import as_found
from sabench.store import journal
from sabench.store.leaderboard import read_leaderboard
from sabench.store.run_folder import RunFolder


class PlayedInline(ProcessLauncher):
    """A launcher whose row says that its jobs have no process of their own."""

    def __init__(self) -> None:
        super().__init__(STAND_IN)


class Played(PlayedInline):
    """The same, whose row says that they have."""


@pytest.fixture(autouse=True)
def played(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SABENCH_STATE", str(tmp_path / "state"))
    for name, target, apart in (
        ("inline", "PlayedInline", False),
        ("process", "Played", True),
    ):
        row = Launcher(name, target=f"{__name__}:{target}", title="played", apart=apart)
        monkeypatch.setitem(LAUNCHERS, name, row)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return new_run(tmp_path / "run", faulty("ok", "ok"), preset=preset(processes=1))


def test_jobs_without_a_process_of_their_own_are_told_as_another_environment(
    folder: RunFolder,
) -> None:
    board = measure(folder, find_launcher("inline"))
    assert board.environments == {"cpu": as_found(environment())}
    assert as_found(environment()).id != environment().id
    assert {row.environments for row in board.rows} == {(as_found(environment()).id,)}


def test_a_run_goes_on_only_as_it_began(folder: RunFolder) -> None:
    measure(folder, find_launcher("inline"))
    again = resume(folder.path, {"cpu": environment()})
    assert again.info.environments == {"cpu": as_found(environment())}
    assert measure(again, find_launcher("inline")).is_complete
    with pytest.raises(ResultError, match="without a process of their own"):
        measure(again, find_launcher("process"))


def test_a_run_of_processes_does_not_go_on_without(folder: RunFolder) -> None:
    journal.append(folder, record_of(folder.info.jobs()[0]))
    with pytest.raises(ResultError, match="with processes of their own"):
        measure(folder, find_launcher("inline"))
    assert RunFolder.open(folder.path).info.environments == {"cpu": environment()}


def test_what_a_run_saw_of_its_cores_is_told_to_the_next(tmp_path: Path) -> None:
    """The stand-in sees 4, 3, 2 in its three rounds; of the first run no child was told of less."""
    told = []
    for name in ("first", "second"):
        run = new_run(tmp_path / name, faulty("speed"), preset=preset(processes=3))
        measure(run, find_launcher("process"))
        batches = map(Path.read_bytes, sorted(run.outbox.glob("*.json")))
        told.append([Batch.model_validate_json(batch).core_best for batch in batches])
    assert told == [[0.0, 4.0, 3.0], [2.0, 2.0, 2.0]]
    assert load_cores(environment()).bests == {what_is_timed(): (2.0, 2.0)}
    measure(run, find_launcher("process"))  # nothing is left of it: nothing is learnt twice
    assert load_cores(environment()).bests == {what_is_timed(): (2.0, 2.0)}


def test_a_launcher_that_is_not_there_is_a_matter_of_usage(folder: RunFolder) -> None:
    with pytest.raises(ConfigError, match="launcher"):
        measure(folder, find_launcher("slurm"))


def test_children_that_cannot_start_leave_the_leaderboard_of_what_was_measured(
    tmp_path: Path,
) -> None:
    folder = new_run(tmp_path / "run", faulty("ok", "dead"), preset=preset(processes=1))
    ok = next(job for job in folder.info.jobs() if job.case.options["fault"] == "ok")
    journal.append(folder, record_of(ok))
    with pytest.raises(DeviceError, match="cannot even start"):
        measure(folder, find_launcher("process"))
    board = read_leaderboard(folder.path)
    assert not board.is_complete
    assert {row.case_id: row.rank for row in board.rows}[ok.case.case_id] == 1


def test_a_run_that_another_process_writes_keeps_its_leaderboard(folder: RunFolder) -> None:
    with folder.locked(), pytest.raises(ResultError, match="another sabench"):
        measure(folder, find_launcher("process"))
    assert not folder.leaderboard_file.exists()
