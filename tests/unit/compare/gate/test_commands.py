"""A gate of two commands, with real processes that sleep or fail: nothing here computes."""

import os
import shlex
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from sabench.compare.gate import commands
from sabench.compare.gate.commands import CommandBench, CommandRequest, run_commands
from sabench.compare.gate.folder import GateFolder, read_gate
from sabench.compare.gate.result import Outcome
from sabench.compare.pair import Verdict
from sabench.errors import ConfigError, ExitCode
from sabench.launch.interruption import Interruption
from sabench.records import Status
from sabench.store import journal

pytestmark = pytest.mark.serial


@pytest.fixture(autouse=True)
def nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other work on the machine is not what is tested here."""
    monkeypatch.setattr(commands, "MOST_FOREIGN", 1e9)


def request(folder: Path, base: str, candidate: str, **changes: object) -> CommandRequest:
    fields = {"runs": 1, "out": folder / "out", "threshold": 0.5} | changes
    return CommandRequest(base, candidate, **fields)


def bench_of(folder: Path, base: str, **changes: object) -> CommandBench:
    asked = request(folder, base, "true", **changes)
    words = {"base": tuple(shlex.split(base)), "candidate": ("true",)}
    made = GateFolder.create("commands", "cpu", asked.out, folder)
    return CommandBench(words, asked, "0" * 12, made, Interruption())


def test_a_command_that_sleeps_three_times_as_long_is_red(tmp_path: Path) -> None:
    result, folder = run_commands(request(tmp_path, "sleep 0.03", "sleep 0.09"))
    case = result.cases[0]
    assert (case.verdict, case.is_suspect) == (Verdict.REGRESSED, True)
    assert case.confirm is not None
    assert case.confirm.blocks == 8
    assert all(new >= 0.09 for _, new in case.confirm.pairs)
    assert case.confirm.ratio > 2.0
    assert result.exit_code() is ExitCode.REGRESSION
    assert read_gate(folder.path) == result


def test_a_command_against_itself_passes(tmp_path: Path) -> None:
    result, _ = run_commands(request(tmp_path, "sleep 0.05", "sleep 0.05"))
    assert result.cases[0].verdict is Verdict.SAME
    assert (result.mode, result.outcome) == ("commands", Outcome.PASSED)
    assert [null.case_id for null in result.nulls] == ["command"]


def test_a_command_that_fails_is_told_with_its_last_words(tmp_path: Path) -> None:
    program = tmp_path / "fails.py"
    program.write_text("import sys; sys.exit('out of luck')")
    result, _ = run_commands(request(tmp_path, "true", f"{sys.executable} '{program}'"))
    assert result.cases[0].status is Status.ERROR
    assert result.cases[0].reason == "candidate: exit code 1: out of luck"
    assert result.exit_code() is ExitCode.CASE_FAILED


@pytest.mark.parametrize(
    ("candidate", "status", "reason"),
    [
        ("sh -c 'kill -SEGV $$'", Status.CRASH, "candidate: died of signal 11"),
        ("no-such-program-here", Status.ERROR, "candidate: cannot start: No such file"),
        ("sleep 30", Status.TIMEOUT, "candidate: not done within 0.5 s"),
    ],
)
def test_how_a_command_ended_is_told(
    tmp_path: Path, candidate: str, status: Status, reason: str
) -> None:
    start = time.monotonic()
    result, _ = run_commands(request(tmp_path, "true", candidate, timeout_s=0.5))
    assert time.monotonic() - start < 10
    assert result.cases[0].status is status
    assert result.cases[0].reason.startswith(reason)


def test_what_a_command_leaves_behind_is_ended(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    left = f"sh -c 'sleep 60 & echo $! > {pid_file}'"
    run_commands(request(tmp_path, "true", left, timeout_s=5.0))
    until = time.monotonic() + 5.0
    while _is_running(int(pid_file.read_text())) and time.monotonic() < until:
        time.sleep(0.02)
    assert not _is_running(int(pid_file.read_text()))


def test_a_block_has_so_many_runs_and_a_commands_first_is_not_counted(tmp_path: Path) -> None:
    count = tmp_path / "count"
    bench = bench_of(tmp_path, f"sh -c 'echo x >> {count}'", runs=3)
    told = bench.measure(("base", "null"), 0, ["command"])
    records = [told[side][0] for side in ("base", "null")]
    assert len(count.read_text().split()) == 1 + 3 + 3
    assert [len(one.readings["latency_warm"].samples) for one in records] == [3, 3]
    assert [one.side for one in journal.read(bench.folder)] == ["base", "null"]


def test_a_busy_machine_spoils_a_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "MOST_FOREIGN", -1e9)
    record = bench_of(tmp_path, "sleep 0.3").measure(("base",), 0, ["command"])["base"][0]
    assert record.status is Status.CONTENDED
    assert "cores were busy with other work" in record.message


def test_a_command_is_told_no_secret_of_the_workflow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    bench = bench_of(tmp_path, 'sh -c "test -z $GITHUB_TOKEN"')
    assert bench.measure(("base",), 0, ["command"])["base"][0].status is not Status.ERROR


def test_ctrl_c_keeps_what_there_was_and_ends_the_command(tmp_path: Path) -> None:
    timer = threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    start = time.monotonic()
    result, _ = run_commands(request(tmp_path, "sleep 20", "sleep 20"))
    assert time.monotonic() - start < 5
    assert result.exit_code() is ExitCode.INTERRUPTED


@pytest.mark.parametrize("wrong", ["", "  ", "sh -c 'never ends"])
def test_what_is_no_command_is_refused_in_one_line(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(ConfigError, match="--candidate-command") as caught:
        run_commands(request(tmp_path, "true", wrong))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
