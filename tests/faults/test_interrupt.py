"""Ctrl-C, or a closed terminal: the first stops in order in five seconds, the second at once."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from making_runs import faulty, new_run, preset
from processes import living
from sabench.launch.descendants import group_members
from sabench.records import Status
from sabench.store import journal
from sabench.store.leaderboard import read_leaderboard
from sabench.store.run_folder import RunFolder
from sabench.store.verify import verify

pytestmark = pytest.mark.serial

PARENT = (sys.executable, str(Path(__file__).parent / "parent.py"))


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """A run of three jobs: the second ignores SIGTERM and has a grandchild that does too."""
    plan = new_run(tmp_path / "run", faulty("ok", "ok", "hang"), preset=preset(processes=1), seed=3)
    assert [job.case.options["fault"] for job in plan.info.jobs()] == ["ok", "hang", "ok"]
    return plan


@pytest.fixture
def hanging(folder: RunFolder) -> Iterator[subprocess.Popen[str]]:
    """A parent whose child hangs in that job."""
    (hang,) = [j.job_id for j in folder.info.jobs() if j.case.options["fault"] == "hang"]
    command = [*PARENT, str(folder.path), "stand-in"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        try:
            for line in parent.stdout:
                if line.split() == ["JobStarted", hang]:
                    break
            patience = time.monotonic() + 20.0
            while "time.sleep(60)" not in "".join(living(folder.path).values()):  # the grandchild
                assert time.monotonic() < patience
                time.sleep(0.01)
            yield parent
        finally:
            parent.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_stops_within_five_seconds_and_leaves_a_valid_run(
    hanging: subprocess.Popen[str], folder: RunFolder, number: signal.Signals
) -> None:
    asked = time.monotonic()
    hanging.send_signal(number)
    _, told = hanging.communicate(timeout=20)
    assert time.monotonic() - asked < 5.0
    assert (hanging.returncode, told) == (130, "")
    assert Status.INTERRUPTED in {record.status for record in journal.read(folder)}
    assert not read_leaderboard(folder.path).is_complete
    assert verify(folder.path) == []
    assert living(folder.path) == {}


def test_the_second_stops_at_once(hanging: subprocess.Popen[str], folder: RunFolder) -> None:
    hanging.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert hanging.poll() is None  # the child has its two seconds of grace
    asked = time.monotonic()
    hanging.send_signal(signal.SIGINT)
    _, told = hanging.communicate(timeout=20)
    assert time.monotonic() - asked < 1.0
    assert (hanging.returncode, told) == (130, "")
    assert all(record.status is Status.OK for record in journal.read(folder))
    assert living(folder.path) == {}


def test_a_process_group_without_processes_has_no_members() -> None:
    done = subprocess.Popen([sys.executable, "-c", ""], start_new_session=True)
    done.wait()
    assert group_members(done.pid) == []
