"""One device, several sabench processes and other people's work, as a user meets them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from faking import plant
from making_runs import environment
from pinning import EVERY_CORE
from sabench.launch.device_lock import device_lock
from sabench.measure.noise import busy_neighbours

SUITE = """\
name: tiny
axes: {channels: 8, size: 7}
metrics: [latency_warm]
layers: [{layer: conv, window: [1, 3]}]
"""
FAKED = SUITE.replace("size: 7", "size: 7, runtime: fake")
TINY = ("--suite", "tiny.yaml", "--device", "cpu", "--set", "warmup_min_s=0.05")
OF_NEIGHBOURS = {"contended", "preempted", "host_noisy"}
ONE = (*TINY, "--filter", "window=1")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the suite, its figures made up, and a state of its own, locks included."""
    (tmp_path / "tiny.yaml").write_text(FAKED)
    plant(monkeypatch, tmp_path, {"seconds": 1e-3})
    monkeypatch.setenv("SABENCH_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("SABENCH_LOCKS", str(tmp_path / "locks"))
    return tmp_path


def start(place: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "sabench", "profile", *words],
        cwd=place,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(place: Path, *words: str) -> tuple[int, str]:
    """Exit code and stderr."""
    process = start(place, *words)
    _, told = process.communicate(timeout=120)
    return process.returncode, told


@pytest.fixture
def spinners() -> Iterator[None]:
    """More than a twentieth of the machine's cores are busy."""
    with busy_neighbours(EVERY_CORE[: (os.cpu_count() or 1) // 10 + 1]):
        yield


def test_a_device_that_another_sabench_holds_is_exit_5_and_leaves_nothing_behind(
    place: Path,
) -> None:
    with device_lock(environment(), run="runs/theirs"):
        code, told = run(place, *TINY, "--out", "run")
    assert code == 5
    assert f"in use by another sabench: process {os.getpid()}, run runs/theirs" in told
    assert "--wait" in told
    assert not (place / "run").exists()


def test_wait_waits_until_it_is_free(place: Path) -> None:
    with device_lock(environment(), run="runs/theirs"):
        process = start(place, *ONE, "--wait")
        assert process.stderr is not None
        assert "waiting for" in process.stderr.readline()
        assert process.poll() is None
    _, told = process.communicate(timeout=120)
    assert process.returncode == 0, told


@pytest.mark.slow
def test_no_lock_measures_beside_it(place: Path) -> None:
    with device_lock(environment()):
        code, told = run(place, *ONE, "--no-lock")
    assert code == 0, told


def test_wait_and_no_lock_contradict_each_other(place: Path) -> None:
    code, told = run(place, *TINY, "--wait", "--no-lock")
    assert code == 2
    assert "leave one out" in told


@pytest.mark.usefixtures("spinners")
def test_on_contention_fail_is_exit_5_and_the_run_can_be_resumed(place: Path) -> None:
    (place / "tiny.yaml").write_text(SUITE)  # made-up figures need no quiet
    code, told = run(place, *TINY, "--out", "run", "--on-contention", "fail")
    assert code == 5
    assert "cores are busy with other work" in told
    board = json.loads((place / "run" / "leaderboard.json").read_text())
    assert {row["status"] for row in board["rows"]} == {"interrupted"}


@pytest.mark.usefixtures("spinners")
def test_on_contention_wait_is_bounded_and_then_measures(place: Path) -> None:
    (place / "tiny.yaml").write_text(SUITE)
    brief = ("--set", "budget_s=0.1", "--set", "processes=1")
    code, told = run(place, *ONE, *brief, "--on-contention", "wait:1.5s")
    assert code in (0, 4)
    assert "waiting up to 2 s for quiet" in told
    assert "still after 2 s" in told


def test_a_policy_that_is_none_is_a_matter_of_usage(place: Path) -> None:
    code, told = run(place, *TINY, "--on-contention", "hope")
    assert code == 2
    assert "write warn, fail or wait:60s" in told


@pytest.mark.slow
def test_grouped_keeps_the_order_of_the_suite_and_the_run_remembers_it(place: Path) -> None:
    words = (*TINY, "--axis", "size=7,9", "--seed", "1", "--order", "grouped", "--out", "run")
    code, told = run(place, *words)
    assert code == 0, told
    lines = (place / "run" / "journal.jsonl").read_text().splitlines()
    first = [record for line in lines if (record := json.loads(line)).get("attempt", 1) == 1]
    info = json.loads((place / "run" / "run.json").read_text())
    sizes = [record["case_id"].split("size=")[1].split("/")[0] for record in first]
    assert sizes == ["7,window=1", "7", "9,window=1", "9"]  # the shared axis moves slowest
    assert info["order"] == "grouped"
    code, told = run(place, "--resume", "run", "--order", "random")
    assert code == 2
    assert "leave out --order" in told


def test_a_run_goes_on_elsewhere_only_where_that_is_allowed(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable that changes figures: set for the start, gone for the resumption."""
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    code, told = run(place, *ONE, "--out", "run")
    assert code == 0, told
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA")
    code, told = run(place, "--resume", "run")
    assert code == 3
    assert "env_ONEDNN_MAX_CPU_ISA AVX2 -> absent" in told
    code, told = run(place, "--resume", "run", "--across-env")
    assert code == 0, told


@pytest.mark.serial
def test_two_runs_side_by_side_both_tell_of_the_other(place: Path) -> None:
    """R8. Both pin the same core. A block that fits into a slice of the scheduler is undisturbed:
    then what is told is how many were not."""
    (place / "tiny.yaml").write_text(SUITE)
    words = (*TINY, "--no-lock", "--set", "budget_s=3")
    both = [start(place, *words, "--out", name) for name in ("one", "two")]
    for process in both:
        process.communicate(timeout=120)
        assert process.returncode in (0, 4)
    beside = []
    for name, other in (("one", "two"), ("two", "one")):
        spans = [span(record) for record in records(place / other)]
        for record in records(place / name):
            begin, end = span(record)
            if spans[0][0] <= begin and end <= spans[-1][1]:  # the other measured all the while
                flags = {
                    *record.get("flags", ()),
                    *record["readings"]["latency_warm"].get("flags", ()),
                }
                beside.append(record["status"] == "contended" or bool(flags & OF_NEIGHBOURS))
    assert beside
    assert all(beside)


def records(run: Path) -> list[dict[str, Any]]:
    """First attempts: they come from one child, without a pause between them."""
    found = map(json.loads, (run / "journal.jsonl").read_text().splitlines())
    return [record for record in found if record.get("attempt", 1) == 1]


def span(record: dict[str, Any]) -> tuple[float, float]:
    """When a job began and ended, by the clock on the wall."""
    begin = datetime.fromisoformat(record["started_utc"]).timestamp()
    return begin, begin + record["wall_s"]
