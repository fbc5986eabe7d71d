"""Full disks, places that cannot be written, and machines without home, terminal or UTF-8."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from making_runs import case, faulty, new_run, preset
from sabench import jsonl
from sabench.errors import ExitCode, ResultError
from sabench.store import journal
from sabench.store.leaderboard import read_leaderboard
from sabench.store.run_folder import RunFolder
from sabench.store.verify import verify

PARENT = (sys.executable, str(Path(__file__).parent / "parent.py"))


def run_parent(
    folder: RunFolder, *, longest_file: int = 0, variables: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """A sweep in a process of its own, whose files may not grow past a size."""

    def limit() -> None:
        if longest_file:
            resource.setrlimit(resource.RLIMIT_FSIZE, (longest_file, resource.RLIM_INFINITY))

    return subprocess.run(
        [*PARENT, str(folder.path), "stand-in"],
        capture_output=True,
        text=True,
        preexec_fn=limit,
        env=variables,
        timeout=60,
    )


def test_a_full_disk_ends_the_sweep_with_one_line_and_spoils_nothing(tmp_path: Path) -> None:
    folder = new_run(tmp_path / "run", faulty(*["ok"] * 12), preset=preset(processes=2))
    assert run_parent(folder, longest_file=14_000).returncode == ExitCode.NOT_COMPARABLE
    before = journal.read(folder)
    assert 0 < len(before) < 24
    done = run_parent(folder, longest_file=14_000)
    assert done.returncode == ExitCode.NOT_COMPARABLE
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert "File too large" in line or "No space" in line
    assert journal.read(folder)[: len(before)] == before
    assert not list(folder.path.rglob("*.tmp"))
    assert run_parent(folder).returncode == ExitCode.OK
    assert journal.read(folder)[: len(before)] == before
    assert verify(folder.path) == []


def test_a_full_device_is_one_error() -> None:
    with pytest.raises(ResultError, match="/dev/full: cannot append: No space left on device"):
        jsonl.append(Path("/dev/full"), {"schema": "sabench.record"})


def test_a_place_that_takes_no_files_is_one_error() -> None:
    with pytest.raises(ResultError, match="cannot be made"):
        new_run(Path("/proc/sabench-run"), (case(),))


def test_no_home_no_terminal_and_no_utf8_change_nothing(tmp_path: Path) -> None:
    bare = {
        "PATH": os.defpath,
        "HOME": "/nonexistent",
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
    }
    hostile = {"suite": "Größe\n../x", "title": "日本 <script>", "suite_text": "title: é\n"}
    folder = new_run(tmp_path / "rün\n", faulty("ok", "chatty"), **hostile)
    done = run_parent(folder, variables=bare)
    assert (done.returncode, done.stderr) == (ExitCode.OK, "")
    assert read_leaderboard(folder.path).title == "日本 <script>"
    assert verify(folder.path) == []
    assert [path.name for path in tmp_path.iterdir()] == ["rün\n"]
