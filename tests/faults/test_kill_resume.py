"""kill -9 of the parent or a child: nothing finished is lost, nothing is done twice."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from faking import fake_case, plant
from making_runs import HASTE, faulty, new_run, preset, stand_in
from processes import living
from sabench import jsonl
from sabench.launch.events import Event, JobStarted
from sabench.launch.sweep import sweep
from sabench.records import Status
from sabench.store import journal
from sabench.store.run_folder import RunFolder
from sabench.store.verify import verify

PARENT = (sys.executable, str(Path(__file__).parent / "parent.py"))
KILLS, CASES = 50, 30


def start_sweep(folder: RunFolder) -> int:
    """A sweep in a process of its own; the jobs it starts are listed in the file `started`."""
    process = os.fork()
    if process:
        return process
    try:
        with (folder.path / "started").open("ab", buffering=0) as started:

            def tell(event: Event) -> None:
                if isinstance(event, JobStarted):
                    started.write(f"{event.job.job_id}\n".encode())

            sweep(folder, stand_in(), patience=HASTE, listener=tell)
    finally:
        os._exit(0)
    raise AssertionError("it has ended")


def written(folder: RunFolder) -> set[str]:
    """The jobs whose record stands on the disk, in the journal or still in an outbox."""
    lines = [*jsonl.read(folder.journal_file)]
    for outbox in folder.outbox.glob("*.jsonl"):
        lines += jsonl.read(outbox)
    return {line["job_id"] for line in lines}


def kill_and_resume(folder: RunFolder, after: int, later_s: float) -> tuple[int, int]:
    """How many jobs had finished when the parent was killed, and how many were lost by it.

    It is killed so long after it has started its job number `after`; of 0, itself.
    """
    (folder.path / "started").touch()
    parent, patience = start_sweep(folder), time.monotonic() + 30.0
    while len((folder.path / "started").read_bytes().splitlines()) < after:
        assert time.monotonic() < patience
        time.sleep(0.0005)
    time.sleep(later_s)
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)
    readable = journal.read(folder)
    finished = written(folder)
    began = (folder.path / "started").read_text().split() if finished else []
    again: list[str] = []

    def note(event: Event) -> None:
        if isinstance(event, JobStarted):
            again.append(event.job.job_id)

    records = sweep(RunFolder.open(folder.path), stand_in(), patience=HASTE, listener=note)
    assert sorted(again) == sorted({job.job_id for job in folder.info.jobs()} - finished)
    assert records[: len(readable)] == readable
    keys = Counter(
        (line["job_id"], line.get("attempt", 1)) for line in jsonl.read(folder.journal_file)
    )
    assert keys == Counter((job.job_id, 1) for job in folder.info.jobs())
    assert {record.status for record in records} == {Status.OK}
    return len(finished), len(set(began) - finished)


@pytest.mark.serial  # it forks
def test_fifty_kills_over_a_sweep_of_thirty_cases_lose_at_most_the_case_in_flight(
    tmp_path: Path,
) -> None:
    cases = faulty(*["brief"] * CASES)
    moments = random.Random(2026)
    done = []
    for kill in range(KILLS):
        folder = new_run(tmp_path / str(kill), cases, preset=preset(processes=1))
        after = kill * (CASES + 1) // KILLS
        later_s = moments.uniform(0.0, 0.003 if after else 0.05)  # a job takes about as long
        finished, lost = kill_and_resume(folder, after, later_s)
        assert lost <= 1
        done.append(finished)
    assert verify(folder.path) == []
    cut_short = [finished for finished in done if 0 < finished < CASES]
    assert len(cut_short) >= KILLS // 2, done  # the kills did meet the sweep at work,
    assert max(cut_short) - min(cut_short) > CASES // 2, done  # early and late


def test_a_killed_child_is_a_crash_and_the_next_case_starts_within_ten_seconds(
    tmp_path: Path,
) -> None:
    cases = faulty("ok", "ok", "steady")
    folder = new_run(tmp_path / "run", cases, preset=preset(processes=1), seed=3)
    died_at: list[float] = []
    waited: list[float] = []

    def kill_the_steady_one(event: Event) -> None:
        if isinstance(event, JobStarted):
            if died_at:
                waited.append(time.monotonic() - died_at[-1])
                died_at.clear()
            if event.job.case.options["fault"] == "steady":
                (child,) = living(folder.path)
                died_at.append(time.monotonic())
                os.kill(child, signal.SIGKILL)

    records = sweep(folder, stand_in(), patience=HASTE, listener=kill_the_steady_one)
    ends = {r.case_id.split("fault=")[1].split("/")[0]: r for r in records}
    assert (ends["steady"].status, ends["steady"].message[:9]) == (Status.CRASH, "crash(9):")
    assert ends["ok"].status is Status.OK
    assert len(records) == 3
    (until_the_next,) = waited
    assert until_the_next < 10.0


def test_a_real_child_ends_with_its_parent_and_its_finished_cases_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, tmp_path, {"pace_s": 0.001})
    cases = tuple(fake_case(size) for size in range(6, 18))
    folder = new_run(tmp_path / "run", cases, preset=preset(processes=1))
    parent = start(folder)
    assert parent.stdout is not None
    told = (line for line in parent.stdout if line.startswith("JobEnded"))
    assert len(list(islice(told, 4))) == 4
    parent.kill()
    parent.communicate()
    before = journal.read(folder)
    assert 4 <= len(before) < len(cases)
    parent = start(folder)
    _, error = parent.communicate(timeout=60)
    assert parent.returncode == 0, error
    assert journal.read(folder)[: len(before)] == before
    assert Counter((r.job_id, r.attempt) for r in journal.read(folder)) == Counter(
        (job.job_id, 1) for job in folder.info.jobs()
    )
    assert living(folder.path) == {}


def test_a_child_that_hangs_does_not_outlive_its_parent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, tmp_path, {"fault": "ignore_sigterm"})
    folder = new_run(tmp_path / "run", (fake_case(1),), preset=preset(processes=1))
    parent = start(folder)
    assert parent.stdout is not None
    assert any(line.startswith("JobStarted") for line in parent.stdout)
    parent.kill()
    parent.communicate()
    patience = time.monotonic() + 5.0
    while (left := living(folder.path)) and time.monotonic() < patience:
        time.sleep(0.01)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert left == {}


def start(folder: RunFolder) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*PARENT, str(folder.path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
