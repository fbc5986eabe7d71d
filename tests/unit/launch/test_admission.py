"""What a sweep no longer starts, and what it tells of a job that only the parent knows."""

from pathlib import Path

import pytest

from making_runs import HASTE, case, faulty, new_run, preset, stand_in
from sabench.cases.case import Case
from sabench.errors import ExitCode
from sabench.launch.events import BatchStarted, Event, SweepStarted
from sabench.launch.sweep import sweep
from sabench.records import MEASURED, Flag, Record, Status
from sabench.store.leaderboard import exit_code, make_leaderboard
from sabench.store.run_folder import RunFolder


def do(folder: RunFolder, events: list[Event] | None = None) -> list[Record]:
    heard = [] if events is None else events
    return sweep(folder, stand_in(), patience=HASTE, listener=heard.append)


def blocked(**fields: object) -> Case:
    return case("halo", implementation="blocked", **fields)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """A convolution and two cases of one implementation."""
    return new_run(tmp_path / "run", (case(), blocked(), blocked(batch=2)))


def test_parity_comes_first_and_is_no_case_of_the_leaderboard(folder: RunFolder) -> None:
    events: list[Event] = []
    records = do(folder, events)
    parity, *others = records
    assert parity.job_id.endswith("parity-0")
    assert sorted(r.job_id for r in others) == sorted(j.job_id for j in folder.info.jobs())
    batches = [event for event in events if isinstance(event, BatchStarted)]
    assert [len(batch.jobs) for batch in batches] == [1, 3, 3]
    board = make_leaderboard(folder.info, records)
    assert {row.planned for row in board.rows} == {2}
    assert board.is_complete


def test_where_parity_failed_no_case_of_the_implementation_is_started(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN_PARITY", "differs")
    events: list[Event] = []
    records = do(folder, events)
    started = [job.case.subject for e in events if isinstance(e, BatchStarted) for job in e.jobs]
    assert started == ["halo", "conv", "conv"]  # the parity job, and a convolution each round
    refused = [r for r in records if r.case_id.startswith("halo") and "parity" not in r.job_id]
    assert {r.status for r in refused} == {Status.PARITY_FAILED}
    assert all(r.readings == {} for r in refused)
    assert {r.message for r in refused} == {"not measured: blocked is not halo: on purpose"}
    board = make_leaderboard(folder.info, records)
    assert exit_code(board) is ExitCode.CASE_FAILED
    assert board.is_complete


def test_a_resumption_remembers_that_parity_failed(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN_PARITY", "differs")
    first = do(folder)
    lines = folder.journal_file.read_bytes().splitlines(keepends=True)
    folder.journal_file.write_bytes(lines[0])  # killed right after the parity job
    for left in folder.outbox.glob("*"):
        left.unlink()
    monkeypatch.delenv("STAND_IN_PARITY")
    events: list[Event] = []
    again = do(RunFolder.open(folder.path), events)
    assert events[0] == SweepStarted(total=7, done=1)
    assert {(r.job_id, r.status) for r in again} == {(r.job_id, r.status) for r in first}


@pytest.mark.parametrize("fault", ["segv", "raises", "oom", "exit"])
def test_parity_that_could_not_be_shown_is_told_of_each_case_and_stops_none(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setenv("STAND_IN_PARITY", fault)
    told = {r.case_id: r for r in do(folder) if "parity" not in r.job_id}
    for case_id, record in told.items():
        doubtful = case_id.startswith("halo")
        assert record.status is (Status.OK_FLAGGED if doubtful else Status.OK)
        assert record.flags == ((Flag.PARITY_UNVERIFIED,) if doubtful else ())


def test_parity_that_hangs_is_tried_once_and_the_cases_are_measured(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN_PARITY", "polite")
    info = folder.info.model_copy(update={"preset": preset(deadline_s=0.4)})
    folder.replace_info(info)
    records = do(folder)
    assert [r.status for r in records if "parity" in r.job_id] == [Status.TIMEOUT]
    assert all(r.status in MEASURED for r in records if "parity" not in r.job_id)


def test_a_case_that_was_late_twice_is_not_tried_in_the_other_replicates(tmp_path: Path) -> None:
    """Planted: without the limit, four replicates and four retries of 0.4 s each."""
    run = new_run(
        tmp_path / "run", faulty("polite", "ok"), preset=preset(processes=4, deadline_s=0.4)
    )
    records = do(run)
    late = [r for r in records if "polite" in r.case_id]
    assert [(r.replicate, r.attempt, r.status) for r in late] == [
        (0, 1, Status.TIMEOUT),
        (1, 1, Status.TIMEOUT),
        (2, 1, Status.SKIPPED),
        (3, 1, Status.SKIPPED),
    ]
    assert "late 2 times" in late[-1].message
    assert sum(r.status is Status.OK for r in records) == 4
    row = next(r for r in make_leaderboard(run.info, records).rows if "polite" in r.case_id)
    assert row.status is Status.TIMEOUT


def test_a_case_that_was_late_once_has_its_retry_after_all_others(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run", faulty("late_once", "ok"), preset=preset(deadline_s=0.4))
    records = do(run)
    late = [(r.replicate, r.attempt, r.status) for r in records if "late_once" in r.case_id]
    assert late == [(0, 1, Status.TIMEOUT), (1, 1, Status.OK), (0, 2, Status.OK)]
    assert records[-1].attempt == 2
