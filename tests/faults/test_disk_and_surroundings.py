"""Full disks, places that cannot be written, and machines without home, terminal or UTF-8."""

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from faking import fake_case, plant
from making_runs import case, faulty, new_run, preset
from sabench import jsonl
from sabench.errors import ExitCode, ResultError
from sabench.launch.process import ProcessLauncher
from sabench.launch.sweep import sweep
from sabench.records import Status
from sabench.store import journal
from sabench.store.leaderboard import (
    exit_code,
    make_leaderboard,
    read_leaderboard,
    write_leaderboard,
)
from sabench.store.run_folder import RunFolder
from sabench.store.verify import verify

PARENT = (sys.executable, str(Path(__file__).parent / "parent.py"))
SABENCH = (sys.executable, "-m", "sabench")
AS_CHILD = "import runpy; runpy.run_module('sabench.measure.child', run_name='__main__')"


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


def test_a_child_whose_disk_is_full_ends_the_sweep_and_its_job_is_done_on_resume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, tmp_path)
    cases = tuple(fake_case(size) for size in range(1, 5))
    folder = new_run(tmp_path / "run", cases, preset=preset(processes=1))
    limit = "import resource as r; r.setrlimit(r.RLIMIT_FSIZE, (4_000, 4_000)); "
    launcher = ProcessLauncher((sys.executable, "-c", limit + AS_CHILD))
    with pytest.raises(ResultError, match=r"cannot append: (File too large|No space)"):
        sweep(folder, launcher)
    before = journal.read(folder)
    assert {record.status for record in before} == {Status.OK}
    assert 0 < len(before) < 4
    records = sweep(folder, ProcessLauncher())
    assert records[: len(before)] == before
    assert [record.status for record in records] == [Status.OK] * 4
    assert exit_code(make_leaderboard(folder.info, records)) is ExitCode.OK
    assert verify(folder.path) == []


def test_a_leaderboard_that_cannot_be_written_leaves_the_earlier_one(tmp_path: Path) -> None:
    folder = new_run(tmp_path / "run", (case(),), preset=preset(processes=1))
    earlier = make_leaderboard(folder.info, [])
    write_leaderboard(folder.leaderboard_file, earlier)
    before = sorted(folder.path.iterdir())
    with files_of_at_most(1000), pytest.raises(ResultError, match=r"File too large|No space"):
        write_leaderboard(folder.leaderboard_file, earlier.model_copy(update={"title": "x" * 5000}))
    assert read_leaderboard(folder.path) == earlier
    assert sorted(folder.path.iterdir()) == before


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """No file of this process grows past a size; only around what must fail, never pytest's log."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_file_system_ends_the_sweep_with_one_line_and_keeps_what_was_there(
    tmp_path: Path,
) -> None:
    folder = new_run(tmp_path / "run", faulty(*["ok"] * 40), preset=preset(processes=2))
    small, kept = tmp_path / "small", tmp_path / "kept"
    small.mkdir()
    done = with_mounts(
        'mount -t tmpfs -o size=176k none "$1" && cp -r "$2" "$1/run" && shift',
        *(str(small), str(folder.path), *PARENT, str(small / "run"), "stand-in"),
        afterwards=f'cp -r "{small}/run" "{kept}"',
    )
    (line,) = done.stderr.splitlines()
    assert (done.returncode, line[:7]) == (ExitCode.NOT_COMPARABLE, "error: ")
    assert "No space left on device" in line
    before = journal.read(RunFolder.open(kept))
    assert 0 < len(before) < 80
    assert not list(kept.rglob("*.tmp"))
    assert verify(kept) == [] or not (kept / "leaderboard.json").exists()
    assert {one.status for one in before} == {Status.OK}
    assert run_parent(RunFolder.open(kept)).returncode == ExitCode.OK
    after = journal.read(RunFolder.open(kept))
    assert after[: len(before)] == before
    assert len(after) == 80
    assert {one.status for one in after} == {Status.OK}


def test_a_read_only_place_is_one_line_and_is_left_as_it_was(tmp_path: Path) -> None:
    folder = new_run(tmp_path / "run", faulty("ok"), preset=preset(processes=1))
    assert run_parent(folder).returncode == ExitCode.OK
    before = {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}
    sealed = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && cd "$1"'
    for command in (
        [*PARENT, str(folder.path), "stand-in"],
        [*SABENCH, "profile", "--suite", "ci", "--device", "cpu"],
        [*SABENCH, "profile", "--suite", "ci", "--device", "cpu", "--out", "other"],
    ):
        done = with_mounts(sealed, str(folder.path), *command)
        (line,) = done.stderr.splitlines()
        assert (done.returncode, line[:7]) == (ExitCode.NOT_COMPARABLE, "error: "), line
        assert "Read-only file system" in line
    assert {p: p.read_bytes() for p in folder.path.rglob("*") if p.is_file()} == before


def with_mounts(
    mounts: str, *words: str, afterwards: str = ":"
) -> subprocess.CompletedProcess[str]:
    """A command where other things are mounted, for it alone; skipped where that is forbidden."""
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode:
        pytest.skip("no namespace of mounts may be made here")
    script = f'{mounts} && shift && "$@"; code=$?; {afterwards}; exit $code'
    return subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, "sh", *words],
        capture_output=True,
        text=True,
        timeout=60,
    )


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
