"""`sabench doctor` as a user sees it."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from fakes.nvml import FakeNvml
from sabench.cli import main
from sabench.known import Cores, save_cores
from sabench.measure.core_speed import what_is_timed
from sabench.measure.doctor import WATCH_S, Finding, Light
from sabench.measure.environment import environment

LINES = [
    Finding("governor", Light.GREEN, "performance", "It matters."),
    Finding("neighbours", Light.RED, "1.00 of 2 cores busy with others", "It matters.", "kill 7"),
]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as end:
        main(["doctor", *arguments])
    return int(end.value.code or 0), capsys.readouterr().out


def say(monkeypatch: pytest.MonkeyPatch, *lines: Finding) -> None:
    monkeypatch.setattr("sabench.measure.doctor.examine", lambda *_, **__: list(lines))


def test_a_red_line_is_exit_1_with_why_and_the_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    say(monkeypatch, *LINES)
    code, out = run(capsys, "--device", "cpu")
    assert code == 1
    assert "To mend:\n  neighbours: kill 7\n" in out
    assert "1 green, 1 red. Not fit to measure until the red lines are mended." in out


def test_without_a_red_line_it_is_exit_0(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    say(monkeypatch, LINES[0], Finding("turbo", Light.YELLOW, "on", "It matters."))
    assert run(capsys, "--device", "cpu")[0] == 0


def test_json_has_every_line_and_the_verdict(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    say(monkeypatch, *LINES)
    code, out = run(capsys, "--device", "cpu", "--json")
    told = json.loads(out)
    assert (code, told["verdict"]) == (1, "red")
    assert told["checks"][1] == {
        "check": "neighbours",
        "light": "red",
        "value": "1.00 of 2 cores busy with others",
        "why": "It matters.",
        "mend": "kill 7",
    }


@pytest.mark.parametrize("width", [80, 100])
def test_no_line_is_wider_than_the_terminal_but_a_command_to_copy(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    say(
        monkeypatch,
        *LINES,
        Finding("x", Light.RED, "a very long value " * 20, "why " * 40, "m" * 200),
    )
    _, out = run(capsys, "--device", "cpu")
    assert [line for line in out.splitlines() if len(line) > width] == [f"  x: {'m' * 200}"]


@pytest.mark.parametrize(
    ("device", "code"),
    [("gpu", 2), ("cpu:1", 2), ("cuda:x", 2), ("cuda:", 2), ("cuda:3", 5), ("cuda", 5)],
)
def test_a_device_that_is_no_word_or_is_not_there_is_one_line(
    capsys: pytest.CaptureFixture[str], nvml: FakeNvml, device: str, code: int
) -> None:
    nvml.script(gpus=0)
    with pytest.raises(SystemExit) as end:
        main(["doctor", "--device", device])
    assert end.value.code == code
    told = capsys.readouterr()
    assert (told.out, len(told.err.splitlines())) == ("", 1)


def test_it_looks_at_this_machine_in_under_three_seconds_and_without_torch() -> None:
    check = (
        "import sys\n"
        "from sabench.cli import main\n"
        "try:\n"
        "    main(['doctor', '--json'])\n"
        "except SystemExit as end:\n"
        "    assert end.code in (0, 1), end.code\n"
        "assert 'torch' not in sys.modules\n"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert len(told["checks"]) >= 20
    assert all(one["value"] and one["why"] for one in told["checks"])
    assert all(one["mend"] for one in told["checks"] if one["light"] == "red")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    worked_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert WATCH_S + worked_s < 3.0  # not the wall time: others may work on this machine


def test_a_core_that_is_shared_all_the_time_is_known_by_earlier_runs(tmp_path: Path) -> None:
    """No reading of a real core is a hundredth of another: it is slow by what was known before."""
    variables = {**os.environ, "SABENCH_STATE": str(tmp_path)}
    command = [sys.executable, "-m", "sabench", "doctor", "--device", "cpu", "--json"]
    here = environment("cpu")
    cores = Cores(device=f"cpu:{here.device_name}").learn(what_is_timed(), 0.001)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SABENCH_STATE", str(tmp_path))
        assert save_cores(here, cores)
    done = subprocess.run(command, env=variables, capture_output=True, text=True)
    told = {one["check"]: one for one in json.loads(done.stdout)["checks"]}["core sharing"]
    if told["value"].startswith("not told"):
        pytest.skip("work that doctor sees is on these cores: then it tells of none unseen")
    assert told["value"] == "something unseen shares it 100 % of the time"
