"""tools/aa.py with two clones of a checkout that only pretends to measure."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from checkouts import CONV, pretend
from sabench.compare.gate.rates import FILE, read_trials
from sabench.compare.gate.result import Outcome

TOOLS = Path(__file__).parents[4] / "tools"


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(TOOLS))
    spec = importlib.util.spec_from_file_location("aa", TOOLS / "aa.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "aa", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "wait_for_quiet", lambda patience: 0.01)
    return module


def committed(folder: Path, figures: dict[str, dict[str, object]] | None = None) -> Path:
    pretend(folder, figures)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", "-C", str(folder)]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "All"]):
        subprocess.run([*git, *words], check=True)
    return folder


def arguments(folder: Path, runs: int, *more: str) -> list[str]:
    words = ["--runs", str(runs), "--file", str(folder / FILE), "--work", str(folder / "work")]
    words += ["--checkout", str(folder / "checkout"), "--patience", "0"]
    return [*words, "--suite", str(folder / "checkout" / "pair.yaml"), *more]


@pytest.mark.serial
def test_a_trial_appends_goes_on_where_it_was_left_and_takes_turns(
    tool: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    committed(tmp_path / "checkout", {CONV: {}})
    assert tool.main(arguments(tmp_path, 1)) == 0
    assert tool.main(arguments(tmp_path, 2)) == 0
    capsys.readouterr()
    assert tool.main(arguments(tmp_path, 2)) == 0  # nothing lacks
    told = capsys.readouterr().out
    trials = list(read_trials(tmp_path / FILE))
    assert [one.outcome for one in trials] == [Outcome.PASSED] * 2
    assert trials[0].seed != trials[1].seed
    assert "red         0 of 2, 95 %: at most 77.64%" in told  # 1 - 0.05 ** (1 / 2)
    assert len({one.commit for one in trials}) == 1
    lengths = {len(str(tmp_path / "work" / name)) for name in tool.CLONES}
    assert len(lengths) == 2


@pytest.mark.serial
def test_a_planted_trial_is_counted_apart(
    tool: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    committed(tmp_path / "checkout", {CONV: {}})
    assert tool.main(arguments(tmp_path, 1, "--plant", "1.25")) == 0
    assert "x 1.25 found 1 of 1, 95 %: at least 5.0%" in capsys.readouterr().out
    assert tool.main(arguments(tmp_path, 0)) == 0
    assert "no gate yet" in capsys.readouterr().out


def test_a_machine_that_stays_busy_ends_the_trial(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    committed(tmp_path / "checkout", {CONV: {}})
    monkeypatch.setattr(tool, "wait_for_quiet", lambda patience: 0.8)
    assert tool.main(arguments(tmp_path, 1)) == 4
    assert not (tmp_path / FILE).exists()


@pytest.mark.serial
def test_a_gate_without_a_result_ends_the_trial_with_its_code(
    tool: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    committed(tmp_path / "checkout", {CONV: {"dead": True}})
    assert tool.main(arguments(tmp_path, 1)) == 5
    assert "nothing works here" in capsys.readouterr().out
    assert list(read_trials(tmp_path / FILE)) == []


def test_the_clones_take_turns_in_being_the_base(tool: ModuleType, tmp_path: Path) -> None:
    bout = tool.Bout(tmp_path, "gate", "gate", "cpu", None)
    first, second = bout.command(0), bout.command(1)
    assert first[first.index("--base") + 1] == second[second.index("--candidate") + 1]
    assert first[first.index("--candidate") + 1] == second[second.index("--base") + 1]
