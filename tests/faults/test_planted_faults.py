"""Real children that end every bad way there is, one case each: what is recorded, and nothing else.

The scripted sweep and an undisturbed one of the same cases stand side by side.
"""

from pathlib import Path
from typing import Any

import pytest

from faking import fake_case, plant
from making_runs import new_run, preset
from sabench.errors import ExitCode
from sabench.launch import watch
from sabench.launch.events import Event, JobStarted
from sabench.launch.process import ProcessLauncher
from sabench.launch.sweep import sweep
from sabench.launch.watch import Patience
from sabench.measure.cgroup import memory_kills
from sabench.records import Record, Status
from sabench.store.leaderboard import Leaderboard, exit_code, make_leaderboard
from sabench.store.verify import verify

FAULTS = ("segv", "abort", "exit", "sigkill", "oom", "raise", "nonfinite")
SIZE = {fault: size for size, fault in enumerate(FAULTS, start=1)}
HONEST = range(len(FAULTS) + 1, 2 * len(FAULTS) + 3)
NOISE = {"stream": "white", "sigma": 0.005}

HINT = "; the kernel killed it for want of memory"

Ends = dict[int, Record]


def run(folder: Path, *rules: dict[str, Any]) -> tuple[Ends, Leaderboard]:
    """One sweep over all sizes; each record by its size.

    The control group's folder is the test's: its count of kills rises in the case `sigkill`.
    """
    cases = tuple(fake_case(size) for size in (*SIZE.values(), *HONEST))
    events = folder / "memory.events"
    events.write_text("oom 0\noom_kill 3\n")

    def kill(event: Event) -> None:
        if isinstance(event, JobStarted) and event.job.case.size == SIZE["sigkill"]:
            events.write_text("oom 1\noom_kill 4\n")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watch, "out_of_memory_kills", lambda: memory_kills([folder]))
        plant(patch, folder, *rules, NOISE)
        made = new_run(folder / "run", cases, preset=preset(processes=1))
        records = sweep(made, ProcessLauncher(), patience=Patience(grace_s=0.5), listener=kill)
    assert verify(made.path) == []
    ends = {int(r.case_id.split("size=")[1].split("/")[0]): r for r in records}
    assert len(ends) == len(records) == len(cases)
    return ends, make_leaderboard(made.info, records)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ends, Leaderboard]:
    """A sweep with every fault in it."""
    rules = [{"match": f"*size={SIZE[fault]}/*", "fault": fault} for fault in FAULTS]
    return run(tmp_path_factory.mktemp("planted"), *rules)


@pytest.mark.parametrize(
    ("fault", "status", "told"),
    [
        ("segv", Status.CRASH, "crash(11): ended by SIGSEGV"),
        ("abort", Status.CRASH, "crash(6): ended by SIGABRT"),
        ("sigkill", Status.CRASH, f"crash(9): ended by SIGKILL{HINT}"),
        ("exit", Status.ERROR, "no_result: the process ended with exit code 0 before a record"),
        ("oom", Status.OOM, "asked for 10.0 TiB"),
        ("raise", Status.ERROR, "RuntimeError: on purpose"),
        ("nonfinite", Status.NONFINITE, "not finite"),
    ],
)
def test_each_fault_has_its_status_and_one_line_and_no_figure(
    planted: tuple[Ends, Leaderboard], fault: str, status: Status, told: str
) -> None:
    record = planted[0][SIZE[fault]]
    assert record.status is status
    assert told in record.message
    assert "\n" not in record.message
    assert (HINT in record.message) is (fault == "sigkill")
    assert record.readings == {}


def test_an_oom_says_how_much_was_asked_for_and_free(planted: tuple[Ends, Leaderboard]) -> None:
    details = planted[0][SIZE["oom"]].details
    assert details["requested_bytes"] == 10 * 1024**4
    assert isinstance(details["free_bytes"], int)
    assert isinstance(details["total_bytes"], int)
    assert 0 < details["free_bytes"] <= details["total_bytes"] < 10 * 1024**4


def test_the_other_cases_end_as_in_a_sweep_without_the_faults(
    planted: tuple[Ends, Leaderboard], tmp_path: Path
) -> None:
    calm, _ = run(tmp_path)
    assert [record.status for record in calm.values()] == [Status.OK] * len(calm)
    for size in HONEST:
        ours, theirs = planted[0][size], calm[size]
        assert (ours.key, ours.attempt, ours.status) == (theirs.key, 1, Status.OK)
        assert ours.readings == theirs.readings  # the script gives both the same figures


def test_the_sweep_exits_as_failed_and_ranks_the_honest_cases(
    planted: tuple[Ends, Leaderboard],
) -> None:
    board = planted[1]
    assert exit_code(board) is ExitCode.CASE_FAILED
    assert {row.case.size for row in board.rows if row.rank} == set(HONEST)
