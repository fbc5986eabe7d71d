"""`sabench selftest` as a user sees it: real children, and what is shown of findings."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence

import pytest

from sabench.cli import main
from sabench.launch import lone_child
from sabench.launch import selftest as selftest_module
from sabench.launch.device_lock import locked
from sabench.launch.process import CHILD, ProcessLauncher
from sabench.measure.selftest.judge import IDLE_SHARE, Finding, Verdict
from sabench.measure.selftest.table import CHECKS

pytestmark = pytest.mark.serial


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as end:
        main(["selftest", "--device", "cpu", *arguments])
    return int(end.value.code or 0), capsys.readouterr().out


def test_a_clock_that_is_five_percent_slow_is_exit_1(capsys: pytest.CaptureFixture[str]) -> None:
    code, out = run(capsys, "--check", "two_clocks", "--plant", "slow-clock", "--json")
    told = json.loads(out)
    assert (code, told["verdict"], told["plant"]) == (1, "fail", "slow-clock")
    (check,) = told["checks"]
    assert check["verdict"] == "fail"
    assert 0.94 < float(check["read"].split(",")[0]) < 0.96


def test_the_true_clock_is_exit_0(capsys: pytest.CaptureFixture[str]) -> None:
    code, out = run(capsys, "--check", "two_clocks", "--check", "spin")
    assert code == 0, out
    assert "there are no device cycles to count" in out


@pytest.mark.alone
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="a thread pool needs two cores")
def test_an_active_wait_policy_beside_a_neighbour_is_exit_1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out = run(capsys, "--check", "wait_policy", "--plant", "active-wait")
    assert code == 1, out
    assert "Planted: active-wait: the child starts with OMP_WAIT_POLICY=ACTIVE.\n" in out
    read = re.search(r"waiting threads use (\d\.\d+) of a core", out)
    assert read is not None, out
    assert float(read[1]) > IDLE_SHARE


def test_a_planted_check_whose_child_died_is_exit_1_and_has_not_seen_the_fault(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selftest_module, "ACTIVE", ("false",))
    monkeypatch.setenv("COLUMNS", "200")
    code, out = run(capsys, "--check", "wait_policy", "--plant", "active-wait")
    assert code == 1, out
    assert "ACTIVE. Its check gave no answer, so it has not seen the fault.\n" in out
    assert "waiting threads use" not in out


def test_a_device_that_another_run_holds_is_exit_5(capsys: pytest.CaptureFixture[str]) -> None:
    with locked("cpu"):
        code, _ = run(capsys, "--check", "energy")
        assert code == 5
        assert run(capsys, "--check", "spin", "--no-lock")[0] == 4  # nothing to check


def test_it_says_whom_it_waits_for(capsys: pytest.CaptureFixture[str]) -> None:
    held = (
        "from sabench.launch.device_lock import locked\nimport time\n"
        "with locked('cpu', run='runs/theirs'):\n    print(flush=True)\n    time.sleep(1)"
    )
    with subprocess.Popen([sys.executable, "-c", held], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(SystemExit) as end:
            main(["selftest", "--device", "cpu", "--check", "spin", "--wait"])
    assert end.value.code == 4  # nothing to check
    assert f"held by process {other.pid}, run runs/theirs" in capsys.readouterr().err


def say(monkeypatch: pytest.MonkeyPatch, *verdicts: Verdict) -> None:
    def findings(*_: object) -> Sequence[Finding]:
        return [
            Finding(name, verdict, "1.0000, error +0.00 %, " * 4, "1.00 ± 1 %")
            for name, verdict in zip(CHECKS, verdicts, strict=False)
        ]

    monkeypatch.setattr(selftest_module, "selftest", findings)


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ((Verdict.PASS, Verdict.NOT_APPLICABLE), 0),
        ((Verdict.PASS, Verdict.FAIL), 1),
        ((Verdict.UNRELIABLE, Verdict.FAIL), 1),
        ((Verdict.PASS, Verdict.UNRELIABLE), 4),
        ((Verdict.NOT_APPLICABLE,), 4),
    ],
)
def test_the_exit_code_is_the_worst_verdicts(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    verdicts: tuple[Verdict, ...],
    code: int,
) -> None:
    say(monkeypatch, *verdicts)
    assert run(capsys)[0] == code


@pytest.mark.parametrize("width", [80, 100])
def test_no_line_is_wider_than_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    say(monkeypatch, *[Verdict.FAIL] * len(CHECKS))
    _, out = run(capsys)
    assert max(map(len, out.splitlines())) <= width
    assert all(name in out for name in CHECKS)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--check", "spn"], "check 'spn' is not known"),
        (["--plant", "fast-clock"], "plant 'fast-clock' is not known"),
        (["--wait", "--no-lock"], "leave one out"),
    ],
)
def test_a_wrong_word_is_one_line_and_exit_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], word: str
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["selftest", "--device", "cpu", *arguments])
    assert end.value.code == 2
    told = capsys.readouterr().err
    assert word in told
    assert len(told.strip().splitlines()) == 1


def test_a_child_that_dies_gives_no_answer_and_fails(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = (CHILD[0], "-c", "import sys; sys.exit('no torch today')")
    monkeypatch.setattr(lone_child, "ProcessLauncher", lambda _: ProcessLauncher(broken))
    code, out = run(capsys, "--check", "aa_pair")
    assert code == 1
    assert "no answer: the child ended with code 1; no torch today" in out


def test_a_check_that_hangs_is_ended(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging = (CHILD[0], "-c", "import time; time.sleep(60)")
    monkeypatch.setattr(lone_child, "ProcessLauncher", lambda _: ProcessLauncher(hanging))
    monkeypatch.setattr(lone_child, "START_S", 0.2)
    code, out = run(capsys, "--check", "aa_pair")
    assert code == 1
    assert "no answer: it took too long" in out
