"""The handle of a child: it blocks, understands, and ends the whole group."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from making_runs import batch_of, case, run_info
from sabench.launch import descendants, process
from sabench.launch.descendants import group_members
from sabench.launch.handle import Exited, Said, end_of, understand
from sabench.launch.process import ProcessHandle, ProcessLauncher

Start = Callable[[str], ProcessHandle]


@pytest.fixture(params=["pidfd", "pipe"])
def start(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Starts a line of Python as a child; also where the system has no pidfd."""
    if request.param == "pipe":
        monkeypatch.setattr(process, "_exit_file", lambda pid: None)
    batch = batch_of(run_info((case(),)).jobs())

    def started(code: str) -> ProcessHandle:
        launcher = ProcessLauncher((sys.executable, "-c", code))
        return launcher.start(batch, tmp_path / "b.json", tmp_path / "b.jsonl")

    return started


def test_a_process_whose_name_is_no_utf8_is_counted_like_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(descendants, "PROC", tmp_path)
    for number, name in ((7, b"plain"), (8, b"x\xff) (")):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "stat").write_bytes(b"%d (%s) S 1 7 7" % (number, name))
    assert sorted(group_members(7)) == [7, 8]


def soon() -> float:
    return time.monotonic() + 20.0


def test_messages_come_in_order_and_then_the_exit_code(start: Start) -> None:
    handle = start("""print('{"event": "ready"}\\n{"event": "end", "job_id": "a"}'); exit(7)""")
    heard = [handle.wait(soon()) for _ in range(4)]
    assert heard == [Said("ready"), Said("end", "a"), Exited(7), Exited(7)]
    assert handle.kill(0.0) == []


def test_a_signal_is_a_negative_code(start: Start) -> None:
    handle = start("import os; os.kill(os.getpid(), 9)")
    assert handle.wait(soon()) == Exited(-9)
    handle.kill(0.0)


def test_silence_past_the_deadline_is_none(start: Start) -> None:
    handle = start("import time; time.sleep(60)")
    before = time.monotonic()
    assert handle.wait(before + 0.2) is None
    assert 0.2 <= time.monotonic() - before < 5.0
    assert handle.kill(5.0) == []


def test_sigterm_is_tried_before_sigkill(start: Start, tmp_path: Path) -> None:
    code = "import signal, sys; signal.signal(15, lambda *_: sys.exit(3)); print(1, flush=True)"
    handle = start(code + '; print(\'{"event": "ready"}\', flush=True); signal.pause()')
    assert handle.wait(soon()) == Said("ready")
    handle.kill(10.0)
    assert handle.wait(soon()) == Exited(3)


def test_a_grandchild_that_ignores_sigterm_is_ended_with_the_group(start: Start) -> None:
    code = "import signal, subprocess, sys, time\nsignal.signal(15, signal.SIG_IGN)\n"
    code += "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
    code += 'print(\'{"event": "ready"}\', flush=True)\ntime.sleep(60)'
    handle = start(code)
    assert handle.wait(soon()) == Said("ready")
    assert len(group_members(handle.pid)) == 2
    before = time.monotonic()
    assert handle.kill(0.3) == []
    assert time.monotonic() - before < 5.0
    assert group_members(handle.pid) == []


def test_a_grandchild_does_not_outlive_a_child_that_ends(start: Start) -> None:
    code = "import subprocess, sys; subprocess.Popen([sys.executable, '-c',"
    handle = start(code + " 'import time; time.sleep(60)'], stdout=subprocess.DEVNULL)")
    assert handle.wait(soon()) == Exited(0)
    assert handle.kill(0.0) == []
    assert group_members(handle.pid) == []


STRAY = """
import os, subprocess, sys, time
code = "import os, signal, time; os.environ.clear(); signal.signal(15, signal.SIG_IGN)"
stray = subprocess.Popen(
    [sys.executable, "-c", code + "; time.sleep(60)"],
    start_new_session=True, stdout=subprocess.DEVNULL,
)
print('{"event": "start", "job_id": %d}' % stray.pid, flush=True)
"""


@pytest.mark.parametrize("ending", ["time.sleep(60)", "pass", "os.kill(os.getpid(), 9)"])
def test_a_grandchild_in_a_session_of_its_own_is_ended_too(start: Start, ending: str) -> None:
    """Planted: with the group's signal alone it lives on for a minute."""
    handle = start(f"{STRAY}{ending}")
    told = handle.wait(soon())
    assert isinstance(told, Said)
    stray = int(told.job_id)
    assert group_members(stray) == [stray]
    handle.wait(time.monotonic() + 0.5)
    assert handle.kill(0.2) == []
    assert group_members(stray) == []


def test_the_mark_of_a_sweep_around_this_one_stays(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SABENCH_CHILD", "outer")
    handle = start("import os, sys; sys.exit(os.environ['SABENCH_CHILD'].split(':')[0] != 'outer')")
    assert handle.wait(soon()) == Exited(0)
    handle.kill(0.0)


def test_an_open_pipe_in_a_grandchild_hides_the_end_of_the_child_only_without_a_pidfd(
    start: Start, request: pytest.FixtureRequest
) -> None:
    code = "import subprocess, sys; subprocess.Popen([sys.executable, '-c',"
    handle = start(code + " 'import time; time.sleep(60)'])")
    if "pidfd" in request.node.callspec.id:
        assert handle.wait(soon()) == Exited(0)
    else:  # the deadline is what ends it
        assert handle.wait(time.monotonic() + 0.5) is None
    assert handle.kill(0.0) == []
    assert group_members(handle.pid) == []


def test_stderr_lies_beside_the_outbox_and_its_end_is_told(start: Start, tmp_path: Path) -> None:
    handle = start("import sys; sys.exit('x' * 5000 + 'the reason')")
    assert handle.wait(soon()) == Exited(1)
    handle.kill(0.0)
    assert handle.told().endswith("the reason")
    assert len(handle.told()) <= 2000
    assert (tmp_path / "b.log").stat().st_size > 5000
    assert end_of(tmp_path / "absent.log") == ""


def test_a_child_starts_with_passive_threads_and_a_pinned_allocator(start: Start) -> None:
    code = "import os, sys; ok = os.environ['OMP_WAIT_POLICY'] == 'PASSIVE'"
    code += " and os.environ['OMP_NUM_THREADS'] == '1' and 'MALLOC_MMAP_THRESHOLD_' in os.environ"
    handle = start(code + " and 'PATH' in os.environ; sys.exit(0 if ok else 1)")
    assert handle.wait(soon()) == Exited(0)
    handle.kill(0.0)


def test_the_child_runs_the_parents_sabench_and_not_that_of_the_working_directory(
    tmp_path: Path,
) -> None:
    decoy = tmp_path / "sabench" / "measure"
    decoy.mkdir(parents=True)
    for name in (decoy.parent / "__init__.py", decoy / "__init__.py"):
        name.write_text("")
    (decoy / "child.py").write_text("raise SystemExit(99)")
    start = (
        "import sys, time; from pathlib import Path; sys.path.insert(0, sys.argv[1])\n"
        "from making_runs import batch_of, case, run_info\n"
        "from sabench.launch.process import ProcessLauncher\n"
        "batch = batch_of(run_info((case(),)).jobs())\n"
        "handle = ProcessLauncher().start(batch, Path('absent.json'), Path('out.jsonl'))\n"
        "print(handle.wait(time.monotonic() + 60.0), handle.kill(0.0))"
    )
    tests = Path(__file__).parents[2]
    for path in ({}, {"PYTHONPATH": str(tests.parent)}):
        done = subprocess.run(
            [sys.executable, "-P", "-c", start, str(tests)],
            capture_output=True, text=True, cwd=tmp_path, env=os.environ | path,
        )  # fmt: skip
        assert done.stdout == "Exited(code=2) []\n", done.stderr  # 2: no batch in the file


def test_no_file_stays_open(start: Start) -> None:
    before = len(os.listdir("/proc/self/fd"))
    handle = start("pass")
    handle.wait(soon())
    handle.kill(0.0)
    del handle
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        (b'{"event": "ready"}', Said("ready")),
        (b'{"event": "start", "job_id": "a"}', Said("start", "a")),
        (
            b'{"event": "figure", "job_id": "a", "latency_s": 0.5, "n": 3}',
            Said("figure", "a", 0.5, 3),
        ),
        (b'{"event": "figure", "job_id": "a", "latency_s": "soon"}', None),
        (b'{"event": "figure", "n": 1e999}', None),
        (b'{"event": "launch"}', None),
        (b'{"event": ["ready"]}', None),
        (b"hello from a layer", None),
        (b"[]", None),
        (b"", None),
        (b"\xff\xfe", None),
        (b"[" * 100_000, None),
    ],
)
def test_only_lines_of_the_contract_are_understood(line: bytes, meaning: Said | None) -> None:
    assert understand(line) == meaning


@pytest.mark.parametrize(("is_foreign", "told"), [(True, set()), (False, {"GITHUB_TOKEN"})])
def test_only_a_child_of_the_users_own_code_inherits_secrets(
    is_foreign: bool, told: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    monkeypatch.setenv("MINE", "plain")
    code = "import os, sys; print(*os.environ, file=sys.stderr)"
    launcher = ProcessLauncher((sys.executable, "-c", code), is_foreign=is_foreign)
    batch = batch_of(run_info((case(),)).jobs())
    handle = launcher.start(batch, tmp_path / "b.json", tmp_path / "b.jsonl")
    assert handle.wait(soon()) == Exited(0)
    assert {"GITHUB_TOKEN", "MINE"} & {*handle.told().split()} == told | {"MINE"}
    handle.kill(0.0)
