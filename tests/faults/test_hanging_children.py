"""Children that do not end: each is killed in time, with everything that it has started."""

import sys
import time
from pathlib import Path

import pytest

from making_runs import faulty, new_run, preset
from processes import living
from sabench.launch.events import Event, JobStarted
from sabench.launch.process import ProcessLauncher
from sabench.launch.sweep import sweep
from sabench.launch.watch import Patience
from sabench.records import Status
from slowness import mostly_slow

DEADLINE_S, GRACE_S = 0.6, 0.3
IGNORE = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
GRANDCHILD = "subprocess.Popen([sys.executable, '-c', deaf, sys.argv[2]])\n"
DETACHED = GRANDCHILD.replace("sys.argv[2]])", "sys.argv[2]], start_new_session=True)")
FORK = "if not os.fork():\n    os.setsid()\n    if not os.fork():\n        time.sleep(60)\n"

WAYS = {
    "sleeps": "time.sleep(60)",
    "is_busy": "while time.process_time() < 60: pass",
    "ignores_sigterm": IGNORE + "time.sleep(60)",
    "has_a_grandchild": IGNORE + GRANDCHILD + "time.sleep(60)",
    "has_a_grandchild_in_a_session_of_its_own": IGNORE + DETACHED + "time.sleep(60)",
    "forks_twice_and_leaves": IGNORE + FORK + "time.sleep(60)",
}
USUAL = ("sleeps", "has_a_grandchild_in_a_session_of_its_own", "forks_twice_and_leaves")
PREFACE = """
import json, os, signal, subprocess, sys, time
deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)"
(job,) = json.load(open(sys.argv[1]))["jobs"]
print(json.dumps({"event": "ready"}), flush=True)
print(json.dumps({"event": "start", "job_id": job["job_id"]}), flush=True)
"""


@pytest.mark.parametrize("way", mostly_slow(WAYS, USUAL.__contains__))
def test_a_child_that_hangs_is_a_timeout_and_leaves_no_process(way: str, tmp_path: Path) -> None:
    folder = new_run(
        tmp_path / "run",
        faulty("ok"),
        preset=preset(processes=1, deadline_s=DEADLINE_S, budget_s=0.1),
    )
    launcher = ProcessLauncher((sys.executable, "-c", PREFACE + WAYS[way]))
    seen: list[dict[int, str]] = []

    def look(event: Event) -> None:
        if isinstance(event, JobStarted):
            seen.append(living(folder.path))

    start = time.monotonic()
    records = sweep(
        folder, launcher, listener=look, patience=Patience(start_s=20.0, grace_s=GRACE_S)
    )
    took = time.monotonic() - start
    assert [(r.attempt, r.status) for r in records] == [(1, Status.TIMEOUT), (2, Status.TIMEOUT)]
    assert took < 2 * (DEADLINE_S + 10.0)
    assert all("could not be ended" not in record.message for record in records)
    assert [len(found) > 0 for found in seen] == [True, True]
    assert living(folder.path) == {}


def test_a_process_that_leaves_a_child_which_ends_well_is_ended_too(tmp_path: Path) -> None:
    folder = new_run(tmp_path / "run", faulty("ok"), preset=preset(processes=1))
    launcher = ProcessLauncher((sys.executable, "-c", PREFACE + DETACHED))
    (record,) = sweep(folder, launcher, patience=Patience(start_s=20.0, grace_s=GRACE_S))
    assert record.message.startswith("no_result: the process ended with exit code 0")
    assert living(folder.path) == {}
