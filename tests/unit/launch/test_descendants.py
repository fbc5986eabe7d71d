"""A stray that is just starting a program: for that moment /proc shows no environment of it."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sabench.launch import descendants
from sabench.launch.descendants import KERNEL_THREAD, began, end_all, marked

NO_GROUP = -1


@pytest.fixture
def stray() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        yield process
        process.kill()


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A /proc of our own."""
    monkeypatch.setattr(descendants, "PROC", tmp_path)
    return tmp_path


def tell(proc: Path, pid: int, *, began: int, state: str = "S", flags: int = 0) -> Path:
    """A process's folder, its environment empty."""
    folder = proc / str(pid)
    folder.mkdir()
    others = " ".join(["0"] * 12)
    (folder / "stat").write_text(f"7 (a) b) {state} 1 7 7 0 0 {flags} {others} {began} 0")
    (folder / "environ").write_bytes(b"")
    return folder / "environ"


def test_it_is_ended_once_its_environment_shows_the_mark(
    proc: Path, stray: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = tell(proc, stray.pid, began=501)

    def pause(_seconds: float) -> None:
        """Meanwhile the program has started; once it is signalled it is gone from /proc."""
        if stray.poll() is None:
            environ.write_bytes(b"SABENCH_CHILD=here")
            time_sleep(0.01)
        else:
            shutil.rmtree(environ.parent, ignore_errors=True)

    time_sleep = time.sleep
    monkeypatch.setattr(descendants.time, "sleep", pause)
    assert end_all(NO_GROUP, "here", 5.0, since=500) == []
    assert stray.wait(5.0) == -9


@pytest.mark.parametrize(
    ("began", "state", "flags", "is_untold"),
    [
        (501, "S", 0, True),
        (500, "R", 0, True),
        (499, "S", 0, False),
        (501, "Z", 0, False),
        (501, "S", KERNEL_THREAD | 0x40, False),
    ],
)
def test_only_a_young_living_process_is_waited_for(
    proc: Path, began: int, state: str, flags: int, is_untold: bool
) -> None:
    tell(proc, 7, began=began, state=state, flags=flags)
    assert marked("here", since=500) == ([], [7] if is_untold else [])


def test_when_a_process_began_is_told_or_0(proc: Path) -> None:
    tell(proc, 7, began=501)
    assert (began(7), began(8)) == (501, 0)


def test_a_process_without_any_environment_is_not_waited_for_long(proc: Path) -> None:
    tell(proc, 7, began=501)
    start = time.monotonic()
    assert end_all(NO_GROUP, "here", 5.0, since=500) == []
    assert descendants.STARTING_S <= time.monotonic() - start < 4.0
