"""A sweep over children that only pretend: what is journalled, in which order, how often."""

import itertools
from collections import Counter
from pathlib import Path

import pytest

from making_runs import (
    HASTE,
    case,
    environment,
    faulty,
    new_run,
    preset,
    record_of,
    run_info,
    stand_in,
)
from sabench.cases.plan import Batch
from sabench.errors import DeviceError, ResultError
from sabench.launch.events import (
    BatchStarted,
    Event,
    JobEnded,
    JobFigure,
    JobStarted,
    SweepEnded,
    SweepStarted,
)
from sabench.launch.limits import allowed_cores, choose_cores
from sabench.launch.sweep import retries, sweep
from sabench.records import Record, Status
from sabench.seal import record_line
from sabench.store import journal
from sabench.store.run_folder import RunFolder


def statuses(records: list[Record]) -> dict[str, list[str]]:
    """Status of each attempt at replicate 0, by fault."""
    found: dict[str, list[str]] = {}
    for record in records:
        if record.replicate == 0:
            fault = record.case_id.partition("fault=")[2].partition("/")[0]
            found.setdefault(fault, []).append(record.status.value)
    return found


def do(folder: RunFolder, **settings: object) -> list[Record]:
    return sweep(folder, stand_in(), patience=HASTE, **settings)  # type: ignore[arg-type]


def test_every_job_of_the_plan_has_one_record(tmp_path: Path) -> None:
    folder = new_run(tmp_path / "run", faulty("ok", "ok", "ok"))
    records = do(folder)
    assert sorted(r.job_id for r in records) == sorted(j.job_id for j in folder.info.jobs())
    assert {r.status for r in records} == {Status.OK}


def test_each_fault_has_its_status_and_the_others_are_measured(tmp_path: Path) -> None:
    faults = ("exit", "ok", "segv", "killed", "silent", "raises", "oom", "nan", "torn", "garbage")
    one = preset(processes=1)
    records = do(new_run(tmp_path / "run", faulty(*faults, "chatty", "newer"), preset=one))
    assert statuses(records) == {
        "exit": ["error"],
        "ok": ["ok"],
        "segv": ["crash"],
        "killed": ["crash"],
        "silent": ["error"],
        "raises": ["error"],
        "oom": ["oom"],
        "nan": ["nonfinite"],
        "torn": ["error"],
        "garbage": ["error"],
        "chatty": ["ok"],
        "newer": ["error"],
    }


def test_a_crash_names_its_signal_and_an_exit_its_code(tmp_path: Path) -> None:
    records = do(new_run(tmp_path / "run", faulty("segv", "torn"), preset=preset(processes=1)))
    messages = {r.status: r.message for r in records}
    assert messages[Status.CRASH] == "crash(11): ended by SIGSEGV"
    assert messages[Status.ERROR] == "no_result: the process ended with exit code 1 before a record"


def test_a_kill_for_want_of_memory_is_told_where_the_cgroup_counted_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = itertools.count()
    monkeypatch.setattr("sabench.launch.watch.out_of_memory_kills", lambda: next(counter))
    (record,) = do(new_run(tmp_path / "run", faulty("killed"), preset=preset(processes=1)))
    assert record.message == "crash(9): ended by SIGKILL; the kernel killed it for want of memory"


def test_a_job_past_its_deadline_is_ended_recorded_and_tried_once_more(tmp_path: Path) -> None:
    short = preset(processes=1, deadline_s=0.5)
    records = do(new_run(tmp_path / "run", faulty("hang", "ok"), preset=short))
    assert statuses(records) == {"hang": ["timeout", "timeout"], "ok": ["ok"]}
    assert [r.attempt for r in records if r.status is Status.TIMEOUT] == [1, 2]
    assert records[-1].status is Status.TIMEOUT  # the retry comes last


def test_a_late_child_that_calls_itself_interrupted_was_late(tmp_path: Path) -> None:
    short = preset(processes=1, deadline_s=0.5)
    folder = new_run(tmp_path / "run", faulty("polite"), preset=short)
    assert statuses(do(folder)) == {"polite": ["timeout", "timeout"]}
    assert statuses(do(folder)) == {"polite": ["timeout", "timeout"]}


def test_a_disturbed_job_is_tried_once_more_and_both_attempts_are_kept(tmp_path: Path) -> None:
    faults = faulty("contended", "always_contended", "ok")
    records = do(new_run(tmp_path / "run", faults, preset=preset(processes=1)))
    assert statuses(records) == {
        "contended": ["contended", "ok"],
        "always_contended": ["contended", "contended"],
        "ok": ["ok"],
    }


@pytest.mark.parametrize(("slowed", "again"), [(1, 1), (2, 2), (3, 0), (10, 0)])
def test_what_a_device_slowed_is_tried_again_only_where_it_is_a_few(
    slowed: int, again: int, tmp_path: Path
) -> None:
    """Of eleven jobs a fifth. One that was late is tried again all the same."""
    plan = new_run(tmp_path / "run", faulty(*["ok"] * 11), preset=preset(processes=1)).info.plan()
    ends = [Status.THROTTLED] * slowed + [Status.OK] * (10 - slowed) + [Status.TIMEOUT]
    found = retries(plan, [record_of(job, (), end) for job, end in zip(plan, ends, strict=True)])
    assert [job.job_id for job in found] == [job.job_id for job in (*plan[:again], plan[10])]
    assert {job.attempt for job in found} == {2}


def test_a_finished_sweep_has_nothing_left_to_do(tmp_path: Path) -> None:
    folder = new_run(tmp_path / "run", faulty("always_contended", "raises", "ok"))
    first = do(folder)
    events: list[Event] = []
    assert do(RunFolder.open(folder.path), listener=events.append) == first
    assert events == [SweepStarted(total=6, done=6), SweepEnded(interrupted=False)]


def test_resuming_takes_a_record_that_never_reached_the_journal(tmp_path: Path) -> None:
    folder = new_run(tmp_path / "run", faulty("ok", "ok"))
    do(folder)
    lines = folder.journal_file.read_bytes().splitlines(keepends=True)
    folder.journal_file.write_bytes(b"".join(lines[:2]) + lines[2][:100])
    events: list[Event] = []
    records = do(folder, listener=events.append)
    assert not any(isinstance(event, BatchStarted) for event in events)
    assert Counter(r.job_id for r in records) == Counter(j.job_id for j in folder.info.jobs())


def test_a_record_of_a_job_that_is_no_longer_planned_is_left_alone(tmp_path: Path) -> None:
    """Another version's plan had it: it stays in the journal, and the others are measured."""
    folder = new_run(tmp_path / "run", faulty("ok", "ok"))
    job = folder.info.jobs()[0]
    journal.append(folder, record_of(job.model_copy(update={"job_id": "another"})))
    records = do(folder)
    wanted = {one.job_id for one in folder.info.jobs()}
    assert {record.job_id for record in records} == {*wanted, "another"}


def test_resuming_measures_what_has_no_record_and_what_was_interrupted(tmp_path: Path) -> None:
    folder = new_run(tmp_path / "run", faulty("ok", "ok"))
    done, broken_off, *_ = folder.info.jobs()
    journal.append(folder, record_of(done))
    journal.append(folder, record_of(broken_off, (), Status.INTERRUPTED))
    records = do(folder)
    assert Counter(r.job_id for r in records)[done.job_id] == 1
    last = journal.last_attempts(records)
    assert last[broken_off.job_id].attempt == 2
    assert {record.status for record in last.values()} == {Status.OK}


def test_a_record_of_no_job_of_the_plan_is_not_taken(tmp_path: Path) -> None:
    folder = new_run(tmp_path / "run", faulty("ok"))
    stray = run_info((case("conv", size=99),)).jobs()[0]
    line = record_line(record_of(stray, job_id="../../escape"))
    (folder.outbox / "00000.jsonl").write_text(line + "\n")
    assert {r.case_id for r in do(folder)} == {c.case_id for c in folder.info.cases}


def test_a_second_sweep_on_one_folder_is_refused(tmp_path: Path) -> None:
    folder = new_run(tmp_path / "run", faulty("ok"))
    with folder.locked(), pytest.raises(ResultError, match="another sabench"):
        do(RunFolder.open(folder.path))
    assert do(folder)


def test_children_that_die_before_their_first_job_end_the_sweep(tmp_path: Path) -> None:
    folder = new_run(tmp_path / "run", faulty("dead"))
    events: list[Event] = []
    with pytest.raises(DeviceError, match="cannot even start"):
        do(folder, listener=events.append)
    assert sum(isinstance(event, BatchStarted) for event in events) == 2
    assert journal.read(folder) == []


def test_a_command_that_is_not_there_is_a_device_error(tmp_path: Path) -> None:
    from sabench.launch.process import ProcessLauncher

    folder = new_run(tmp_path / "run", faulty("ok"))
    with pytest.raises(DeviceError, match="cannot start"):
        sweep(folder, ProcessLauncher((str(tmp_path / "absent"),)))


def test_jobs_of_one_replicate_share_a_process_unless_isolated(tmp_path: Path) -> None:
    def batches(isolation: str) -> int:
        events: list[Event] = []
        folder = new_run(tmp_path / isolation, faulty("ok", "ok", "ok"), isolation=isolation)
        do(folder, listener=events.append)
        return sum(isinstance(event, BatchStarted) for event in events)

    assert (batches("suite"), batches("case")) == (2, 6)


@pytest.mark.parametrize("kind", ["cpu", "cuda"])
def test_children_of_every_device_are_given_cores(tmp_path: Path, kind: str) -> None:
    devices = {kind: environment().model_copy(update={"device_kind": kind})}
    one = preset(processes=1)
    run = new_run(tmp_path / "run", faulty("ok"), devices=(kind,), environments=devices, preset=one)
    do(run)
    (batch,) = (Batch.model_validate_json(path.read_bytes()) for path in run.outbox.glob("*.json"))
    assert len(batch.cores) == batch.threads == 1


def test_the_leaderboard_of_an_earlier_stop_is_gone_when_a_run_goes_on(tmp_path: Path) -> None:
    """Killed then, it is shown as far as its journal goes."""
    run = new_run(tmp_path / "run", faulty("ok"), preset=preset(processes=1))
    run.leaderboard_file.write_text("of an earlier stop")
    do(run)
    assert not run.leaderboard_file.exists()


def told_speeds(run: RunFolder) -> list[float]:
    """What each child was told of its cores, in the order of their starts."""
    files = sorted(run.outbox.glob("*.json"))
    return [Batch.model_validate_json(file.read_bytes()).core_best for file in files]


def test_a_child_is_told_what_earlier_ones_saw_of_its_cores(tmp_path: Path) -> None:
    """Three rounds; the stand-in sees 4, 3, 2. A batch says nothing of what is not."""
    run = new_run(tmp_path / "run", faulty("speed"), preset=preset(processes=3))
    do(run)
    assert told_speeds(run) == [0.0, 4.0, 3.0]
    assert "core_best" not in (run.outbox / "00000.json").read_text()


@pytest.mark.parametrize(
    ("earlier", "told"), [(1.5, [1.5, 1.5, 1.5]), (3.5, [3.5, 3.5, 3.0]), (9.0, [9.0, 4.0, 3.0])]
)
def test_a_child_is_told_the_lower_of_what_this_run_and_earlier_ones_saw(
    tmp_path: Path, earlier: float, told: list[float]
) -> None:
    run = new_run(tmp_path / "run", faulty("speed"), preset=preset(processes=3))
    do(run, core_best=earlier)
    assert told_speeds(run) == told


def test_a_run_that_goes_on_knows_what_its_cores_can_do(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run", faulty("speed", "ok"), preset=preset(processes=1))
    cores = [*choose_cores(1, allowed_cores())]
    first, *_ = run.info.plan()
    elsewhere = {"environment": "another", "details": {"cores": cores, "core_best": 0.5}}
    unlike = {"details": {"cores": [99], "core_best": 0.7}}
    alike = {"details": {"cores": cores, "core_best": 1.3}}
    for attempt, fields in enumerate((elsewhere, unlike, alike), start=1):
        journal.append(run, record_of(first, attempt=attempt, **fields))
    do(run)
    assert told_speeds(run) == [1.3]


def test_a_process_that_took_anothers_place_takes_nothing_from_what_it_saw(
    tmp_path: Path,
) -> None:
    run = new_run(tmp_path / "run", faulty("ok", "ok"), preset=preset(processes=2))
    cores = [*choose_cores(1, allowed_cores())]
    one, other = (job for job in run.info.plan() if job.replicate == 0)
    for job, seen in ((one, 1.0), (other, 1.8)):
        journal.append(run, record_of(job, details={"cores": cores, "core_best": seen}))
    do(run)
    assert told_speeds(run) == [1.0]


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        ([1.8], 1.8),
        ([1.8, 1.8, 1.05, 1.8], 1.05),  # most began beside a neighbour
        ([1.0, *[1.1] * 7], 1.1),  # of many the least is an extreme
        ([1.0, 1.01, *[1.1] * 14], 1.1),
    ],
)
def test_a_child_is_told_what_few_saw_less_of_however_many_jobs_they_did(
    tmp_path: Path, seen: list[float], told: float
) -> None:
    processes = len(seen) + 1
    run = new_run(tmp_path / "run", faulty("ok", "ok"), preset=preset(processes=processes))
    cores = [*choose_cores(1, allowed_cores())]
    done = [job for job in run.info.plan() if job.replicate < len(seen)]
    for job in done:
        details = {"cores": cores, "core_best": seen[job.replicate]}
        journal.append(run, record_of(job, details=details))
    do(run)
    assert told_speeds(run) == [told]


def test_the_speed_of_a_core_is_nothing_to_a_device(tmp_path: Path) -> None:
    devices = {"cuda": environment().model_copy(update={"device_kind": "cuda"})}
    changes = {"devices": ("cuda",), "environments": devices, "preset": preset(processes=2)}
    run = new_run(tmp_path / "run", faulty("speed"), **changes)
    do(run)
    assert told_speeds(run) == [0.0, 0.0]


def test_events_tell_start_figure_and_end_of_each_job_in_turn(tmp_path: Path) -> None:
    folder = new_run(tmp_path / "run", faulty("ok", "raises"), preset=preset(processes=1))
    events: list[Event] = []
    do(folder, listener=events.append)
    kinds = [type(event) for event in events]
    assert kinds == [SweepStarted, BatchStarted, *[JobStarted, JobFigure, JobEnded] * 2, SweepEnded]
    ends = [event for event in events if isinstance(event, JobEnded)]
    assert [(end.index, end.total) for end in ends] == [(1, 2), (2, 2)]
    assert [end.record.case_id for end in ends] == [end.job.case.case_id for end in ends]


def test_long_samples_lie_apart_and_their_records_stay_small(tmp_path: Path) -> None:
    folder = new_run(tmp_path / "run", faulty("long"), preset=preset(processes=1))
    (record,) = do(folder)
    reading = record.readings["latency_warm"]
    assert reading.samples == ()
    assert len(journal.load_samples(folder, "latency_warm", reading)) == 500
    assert len(folder.journal_file.read_bytes()) < 2000
