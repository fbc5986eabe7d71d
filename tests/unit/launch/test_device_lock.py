"""One sabench at a time on a device: real processes, real locks."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from making_runs import environment as cpu
from sabench.errors import DeviceError, ExitCode
from sabench.launch import device_lock as locks
from sabench.launch.device_lock import device_key, device_lock, device_locks, lock_folder, locked
from sabench.launch.events import Notice
from sabench.records import Environment

HOLD = """
import sys, time
from sabench.launch.device_lock import locked
with locked(sys.argv[1], run="runs/first"):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def gpu(uuid: str | None) -> Environment:
    return Environment(
        device_kind="cuda", device_name="NVIDIA H200", device_uuid=uuid, settings={}, facts={}
    )


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SABENCH_LOCKS", str(tmp_path / "state" / "locks"))
    return tmp_path / "state"


@contextmanager
def another_process(key: str, seconds: float = 60.0) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the key's lock from now on."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, key, str(seconds)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    with process, process.stdout:
        try:
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_a_second_process_on_the_device_is_told_who_holds_it() -> None:
    board = gpu("GPU-a")
    with another_process("GPU-a") as first:
        with pytest.raises(DeviceError) as raised, device_lock(board):
            pass
        with device_lock(gpu("GPU-b")), device_lock(cpu()):
            pass
    message = str(raised.value)
    assert message.startswith("device NVIDIA H200 is in use by another sabench: ")
    assert f"process {first.pid}, run runs/first, since 2" in message
    assert "--wait" in message
    assert "--no-lock" in message
    assert raised.value.exit_code is ExitCode.DEVICE


def test_the_lock_ends_with_a_killed_process() -> None:
    with another_process("cpu") as first:
        os.kill(first.pid, signal.SIGKILL)
        assert first.wait() == -signal.SIGKILL
        with locked("cpu"):
            pass


def test_it_ends_with_the_block_and_with_an_error_in_it() -> None:
    for _ in range(2):
        with pytest.raises(KeyError), locked("cpu"):
            raise KeyError
    with locked("cpu"), pytest.raises(DeviceError), locked("cpu"):
        pass


def test_one_that_waits_goes_on_when_the_other_ends() -> None:
    heard: list[object] = []
    waiting = device_lock(cpu("Xeon"), wait=True, listener=heard.append)
    with another_process("cpu", 0.5) as first, waiting:
        assert first.wait(5) == 0
    (event,) = heard
    assert isinstance(event, Notice)
    assert event.text.startswith(f"waiting for Xeon: held by process {first.pid}, run runs/first")


def test_nobody_is_awaited_who_is_not_there() -> None:
    heard: list[object] = []
    with device_lock(cpu(), wait=True, listener=heard.append):
        assert heard == []


def test_a_wait_with_an_end_ends() -> None:
    with another_process("cpu"):
        start = time.monotonic()
        with pytest.raises(DeviceError, match="in use"), locked("cpu", wait_s=0.4):
            pass
        assert 0.4 <= time.monotonic() - start < 5


def test_a_wait_with_an_end_takes_what_is_freed() -> None:
    with another_process("cpu") as first:
        threading.Timer(0.3, first.kill).start()
        with locked("cpu", wait_s=10.0):
            assert first.wait(5) == -signal.SIGKILL


def test_two_runs_never_hold_what_the_other_waits_for() -> None:
    """Whatever order they name the devices in: one that waits for the first holds no later one."""
    waiting, ended = threading.Event(), threading.Event()

    def second_run() -> None:
        with device_locks(
            [gpu("GPU-b"), gpu("GPU-a")], wait=True, listener=lambda _: waiting.set()
        ):
            ended.set()

    with locked("GPU-a"):
        thread = threading.Thread(target=second_run)
        thread.start()
        assert waiting.wait(10)
        with locked("GPU-b"):
            pass
    assert ended.wait(10)
    thread.join()


def test_several_devices_are_held_together(state: Path) -> None:
    both = [gpu("GPU-b"), gpu("GPU-a"), gpu("GPU-b")]
    with device_locks(both), pytest.raises(DeviceError), locked("GPU-a"):
        pass
    with another_process("GPU-b"), pytest.raises(DeviceError), device_locks(both):
        pass
    with locked("GPU-a"):  # what was held before the busy one is free again
        pass


def test_a_device_is_locked_by_its_uuid_and_the_cpu_as_a_whole() -> None:
    assert device_key(gpu("MIG-a")) == "MIG-a"
    assert device_key(gpu(None)) == "gpu"
    assert device_key(cpu("a")) == device_key(cpu("b")) == "cpu"


def test_every_user_can_lock_and_none_can_remove(state: Path) -> None:
    old = os.umask(0o077)
    try:
        with locked("GPU-a/../b"):
            (file,) = (state / "locks").iterdir()
    finally:
        os.umask(old)
    assert file.name == "GPU-a-..-b.lock"
    assert file.stat().st_mode & 0o777 == 0o666
    assert file.parent.stat().st_mode & 0o7777 == 0o1777


def test_a_link_in_the_locks_place_is_not_followed(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "SHARED", tmp_path / "none")
    monkeypatch.setattr(locks.tempfile, "gettempdir", lambda: str(state))
    (state / "locks").mkdir(parents=True)
    (state / "sabench-locks").mkdir()
    (tmp_path / "precious").write_text("kept")
    for folder in ("locks", "sabench-locks"):
        (state / folder / "cpu.lock").symlink_to(tmp_path / "precious")
    for folder in ("locks", "sabench-locks"):
        told = rf"cannot be locked.*/{folder}:.*SABENCH_LOCKS=FOLDER.*--no-lock"
        with pytest.raises(DeviceError, match=told), locked("cpu"):
            pass
        monkeypatch.delenv("SABENCH_LOCKS", raising=False)
    assert (tmp_path / "precious").read_text() == "kept"


def test_without_a_choice_the_folder_is_the_machines() -> None:
    assert lock_folder({"TMPDIR": "/elsewhere"}) == Path("/tmp/sabench-locks")
    assert lock_folder({"SABENCH_LOCKS": "/a"}) == Path("/a")


def test_another_state_is_no_other_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two users, or one with two states, share the device."""
    monkeypatch.setenv("SABENCH_STATE", "/a")
    with another_process("GPU-a"):
        monkeypatch.setenv("SABENCH_STATE", "/b")
        with pytest.raises(DeviceError, match="in use by another"), locked("GPU-a"):
            pass
