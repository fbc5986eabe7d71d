"""`sabench gate` as a shell runs it, against two checkouts whose children only pretend.

The children's figures are scripted, so that these tests are of the decision and of what is told.
"""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from checkouts import (
    CONV,
    HALO,
    SUITE,
    command,
    gate,
    gate_words,
    pretend,
    stored_base,
    surroundings,
)
from forking import run_command
from making_runs import environment
from sabench.compare.gate.folder import read_gate
from sabench.compare.gate.result import Outcome
from sabench.compare.pair import Verdict
from sabench.measure.environment import environment as environment_here

COUNTED = {CONV: {"macs": 1000.0}, HALO: {}}


def test_nothing_changed_is_exit_0_and_the_result_lies_in_its_folder(tmp_path: Path) -> None:
    pretend(tmp_path / "base", COUNTED)
    pretend(tmp_path / "candidate", COUNTED)
    done = gate(tmp_path)
    assert (done.returncode, done.stderr.count("Traceback")) == (0, 0), done.stderr
    assert "PASSED" in done.stdout
    result = read_gate(tmp_path / "out")
    assert [one.verdict for one in result.cases] == [Verdict.SAME, Verdict.SAME]
    assert (result.outcome, result.counted) == (Outcome.PASSED, ("macs",))


def test_a_slower_case_is_exit_1_and_every_file_tells_it(tmp_path: Path) -> None:
    pretend(tmp_path / "base")
    pretend(tmp_path / "candidate", {CONV: {}, HALO: {"candidate": 1.1}})
    done = gate(
        *(tmp_path, "--markdown", "gate.md", "--junit", "gate.xml", "--json"),
        *("--benchmark-json", "bench.json"),
        GITHUB_ACTIONS="true",
        GITHUB_STEP_SUMMARY=str(tmp_path / "summary.md"),
    )
    assert done.returncode == 1, done.stderr
    told = json.loads(done.stdout)
    assert (told["outcome"], told["exit_code"]) == ("REGRESSED", 1)
    (found,) = [one for one in told["cases"] if one["verdict"] == "REGRESSED"]
    assert (found["case_id"], round(found["confirm"]["ratio"], 2)) == (HALO, 1.1)
    text = (tmp_path / "gate.md").read_text()
    assert "REGRESSED" in text
    assert (tmp_path / "summary.md").read_text() == text
    (failure,) = ET.parse(tmp_path / "gate.xml").iter("failure")
    assert "x 1.1" in failure.attrib["message"]
    rows = {row["name"]: row for row in json.loads((tmp_path / "bench.json").read_text())}
    assert rows[HALO]["value"] == pytest.approx(1.1e-3, rel=0.01)
    stop, resume = (
        next(i for i, line in enumerate(done.stderr.splitlines()) if line.startswith(mark))
        for mark in ("::stop-commands::", "::error ")
    )
    token = done.stderr.splitlines()[stop].removeprefix("::stop-commands::")
    assert done.stderr.splitlines()[resume - 1] == f"::{token}::"


@pytest.mark.slow
def test_a_count_that_rose_is_exit_1_whatever_the_times_say(tmp_path: Path) -> None:
    pretend(tmp_path / "base", COUNTED)
    pretend(tmp_path / "candidate", {CONV: {"macs": 1001.0}, HALO: {}})
    done = gate(tmp_path)
    assert done.returncode == 1
    assert "1 000 -> 1 001 MAC" in " ".join(done.stdout.split())


@pytest.mark.slow
def test_a_base_that_knows_no_counts_yet_is_held_by_its_times_alone(tmp_path: Path) -> None:
    pretend(tmp_path / "base", COUNTED, ["latency_warm"])
    pretend(tmp_path / "candidate", COUNTED)
    done = gate(tmp_path)
    assert done.returncode == 0, done.stderr
    assert read_gate(tmp_path / "out").counted == ()


@pytest.mark.slow
def test_a_threshold_that_fits_no_case_is_told_in_a_line(tmp_path: Path) -> None:
    pretend(tmp_path / "base")
    pretend(tmp_path / "candidate")
    rules = 'gate: {thresholds: {"conv/*": 0.05, "hallo/*": 0.10}}\n'
    for folder in (tmp_path, tmp_path / "base", tmp_path / "candidate"):
        (folder / "ruled.yaml").write_text(SUITE.replace("name: pair", "name: ruled") + rules)
    told = "suite ruled: the threshold of hallo/* fits no case"
    done = gate(tmp_path, "--suite", "ruled.yaml")
    assert (done.returncode, done.stderr.count(told)) == (0, 1), done.stderr
    assert "conv/* fits" not in done.stderr


@pytest.mark.slow
def test_a_missing_case_is_exit_1(tmp_path: Path) -> None:
    pretend(tmp_path / "base")
    pretend(tmp_path / "candidate", {CONV: {}})
    done = gate(tmp_path)
    assert done.returncode == 1
    assert f"Missing in the candidate: {HALO}" in " ".join(done.stdout.split())


MISTAKES = [
    ((), "name the --base"),
    (("--base", "base", "--history", "x.json"), "--base or --history"),
    (("--history", "x.json", "--base-python", "python"), "no --base-python"),
    (("--base", "base", "--plant", "0.5"), "--plant 0.5"),
    (("--base", "base", "--junit", "x", "--markdown", "./x"), "two outputs"),
]
OTHER_MISTAKES = [
    (("--base", "base", "--runs", "3"), "no --runs"),
    (("--base-command", "true"), "name both"),
    (("--base-command", "true", "--candidate-command", "true"), "no --candidate, --suite"),
    (("--base", "nowhere"), "nowhere: there is no such folder"),
    (("--base", "base", "--filter", "nothing"), "no case"),
    (("--base", "base", "--junit", "no/such/gate.xml"), "there is no folder no/such"),
    (("--base", "base", "--junit", "/dev/null"), "/dev/null: is not a file"),
    (("--base", "base", "--wait"), "--no-lock"),
]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [*MISTAKES, *(pytest.param(*one, marks=pytest.mark.slow) for one in OTHER_MISTAKES)],
)
def test_what_cannot_be_asked_for_is_exit_2_and_one_line(
    arguments: tuple[str, ...], told: str, tmp_path: Path
) -> None:
    side = pretend(tmp_path / "base")
    if "nothing" in arguments:
        (side / "figures.json").write_text("{}")
    asked = gate_words(tmp_path, "--candidate", "base", *arguments)
    done = run_command(asked, tmp_path, surroundings(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert told in line
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_null_control_that_fires_is_exit_4_and_no_regression(tmp_path: Path) -> None:
    pretend(tmp_path / "base", {CONV: {"null": 1.2}, HALO: {}})
    pretend(tmp_path / "candidate", {CONV: {"candidate": 1.5}, HALO: {}})
    done = gate(tmp_path)
    assert done.returncode == 4
    assert done.stdout.startswith("UNRELIABLE: the null control fired")


def test_an_absent_device_is_exit_5(tmp_path: Path) -> None:
    pretend(tmp_path / "base")
    done = gate(tmp_path, "--base", "base", "--candidate", "base", "--device", "cuda:63")
    assert (done.returncode, len(done.stderr.splitlines())) == (5, 1)


def test_a_case_that_crashes_in_the_candidate_is_exit_6(tmp_path: Path) -> None:
    pretend(tmp_path / "base")
    ends = {"status": "error", "message": "ValueError: on purpose"}
    pretend(tmp_path / "candidate", {CONV: {}, HALO: ends})
    done = gate(tmp_path)
    assert done.returncode == 6
    assert "ValueError: on purpose" in done.stdout
    assert "1 SAME, 1 without a verdict" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--plant", "0.5"), 2, "--plant 0.5"),
        (("--history", "base.json"), 3, "base.json"),
        (("--device", "cuda:63"), 5, "cuda:63"),
    ],
)
def test_a_step_of_a_workflow_ends_with_the_error_and_obeys_again(
    arguments: tuple[str, ...], code: int, told: str, tmp_path: Path
) -> None:
    pretend(tmp_path / "base")
    pretend(tmp_path / "candidate")
    (tmp_path / "base.json").write_text("no leaderboard")
    if "--history" in arguments:
        arguments = (*arguments, "--candidate", "candidate")
    done = gate(tmp_path, *arguments, GITHUB_ACTIONS="true")
    assert done.returncode == code
    begun, resumed, error, last = done.stderr.splitlines()
    token = begun.removeprefix("::stop-commands::")
    assert resumed == f"::{token}::"
    assert error.startswith("::error title=sabench gate::")
    assert told in error
    assert last.startswith("error: ")


@pytest.mark.serial
def test_ctrl_c_while_a_side_is_asked_is_exit_130(tmp_path: Path) -> None:
    side = pretend(tmp_path / "base")
    (side / "sabench" / "__main__.py").write_text(
        "import pathlib, time\npathlib.Path('asked').touch()\ntime.sleep(60)\n"
    )
    process = subprocess.Popen(
        command(tmp_path, "--base", "base", "--candidate", "base"),
        cwd=tmp_path,
        env=surroundings(tmp_path),
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (side / "asked").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert (process.returncode, "Traceback" in stderr) == (130, False)


@pytest.mark.serial
def test_ctrl_c_is_exit_130_and_keeps_what_was_measured(tmp_path: Path) -> None:
    for name in ("base", "candidate"):
        pretend(tmp_path / name, {CONV: {"takes_s": 0.2}, HALO: {}})
    process = subprocess.Popen(
        command(tmp_path, "--base", "base", "--candidate", "candidate"),
        cwd=tmp_path,
        env=surroundings(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    while "block 3" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 130, stderr
    assert time.monotonic() - began < 5
    assert stdout.startswith("INTERRUPTED")
    assert all(one.screen.blocks == 2 for one in read_gate(tmp_path / "out").cases if one.screen)


@pytest.mark.serial
def test_two_commands_are_held_against_each_other_by_their_whole_runs(tmp_path: Path) -> None:
    whatever_runs_beside = (
        "from sabench import cli; from sabench.compare.gate import commands; "
        "commands.MOST_FOREIGN = 1e9; cli.main()"
    )
    words = [sys.executable, "-c", whatever_runs_beside, "gate", "--no-lock", "--out", "out"]
    words += ["--base-command", "sleep 0.02", "--candidate-command", "sleep 0.1", "--seed", "1"]
    done = subprocess.run(
        [*words, "--runs", "1", "--threshold", "0.5"],
        cwd=tmp_path,
        env=surroundings(tmp_path),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1, done.stderr
    result = read_gate(tmp_path / "out")
    assert (result.mode, result.base.name, result.candidate.name) == (
        *("commands", "sleep 0.02", "sleep 0.1"),
    )
    assert "Two commands measured in turn" in done.stdout


def test_history_mode_tells_large_changes_alone_and_says_what_it_is(tmp_path: Path) -> None:
    stored_base(tmp_path / "base.json", environment_here("cpu"))
    pretend(tmp_path / "candidate", {CONV: {"candidate": 1.05}, HALO: {"candidate": 1.2}})
    done = gate(tmp_path, "--history", "base.json", "--candidate", "candidate")
    assert done.returncode == 1, done.stderr
    assert "History mode" in done.stdout
    result = read_gate(tmp_path / "out")
    verdicts = {one.case_id: one.verdict for one in result.cases}
    assert verdicts == {CONV: Verdict.SAME, HALO: Verdict.REGRESSED}
    assert (result.mode, len(result.nulls)) == ("history", 2)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "not comparable: Plain CPU 9000 -> "),
        ({"evidence": "smoke"}, "one process a case"),
        ({"suite": "another"}, "suite another"),
    ],
)
def test_history_that_is_not_comparable_is_exit_3_with_advice(
    changes: dict[str, str], told: str, tmp_path: Path
) -> None:
    here = environment_here("cpu") if changes else environment()
    stored_base(tmp_path / "base.json", here, **changes)
    pretend(tmp_path / "candidate")
    done = gate(tmp_path, "--history", "base.json", "--candidate", "candidate")
    assert (done.returncode, done.stdout) == (3, "")
    (line,) = done.stderr.splitlines()
    assert told in line
    assert "--suite" in line or "--preset standard" in line
