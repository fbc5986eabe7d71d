"""tools/aa.py with two clones of a checkout that only pretends to measure."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from checkouts import CONV, HALO, pretend
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
    monkeypatch.setattr(module, "wait_for_quiet", lambda patience, most_slow: (0.01, 0.0))
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


@pytest.mark.slow
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
    assert "red         0 of 2 judged, 95 %: at most 77.64%" in told  # 1 - 0.05 ** (1 / 2)
    assert len({one.commit for one in trials}) == 1
    lengths = {len(str(tmp_path / "work" / name)) for name in tool.CLONES}
    assert len(lengths) == 2


@pytest.mark.slow
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
    monkeypatch.setattr(tool, "wait_for_quiet", lambda patience, most_slow: (0.8, 0.0))
    assert tool.main(arguments(tmp_path, 1)) == 4
    assert not (tmp_path / FILE).exists()


@pytest.mark.slow
def test_a_gate_without_a_result_ends_the_trial_with_its_code(
    tool: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    committed(tmp_path / "checkout", {CONV: {"dead_from": 0}})
    assert tool.main(arguments(tmp_path, 1)) == 5
    assert "nothing works here" in capsys.readouterr().out
    assert list(read_trials(tmp_path / FILE)) == []


def test_the_clones_take_turns_in_being_the_base_whatever_was_kept(
    tool: ModuleType, tmp_path: Path
) -> None:
    bout, bases = tool.Bout(tmp_path, "gate", "gate", "cpu", None), []
    for made in range(4):
        folder = bout.free_folder(made)
        assert not folder.exists()
        folder.mkdir()  # each is kept, and one more was left behind by a gate that did not end
        (tmp_path / f"gate-{made + 1}").mkdir(exist_ok=made != 0)
        words = bout.command(made, folder)
        bases.append(words[words.index("--base") + 1])
        assert {words[words.index(f"--{side}") + 1] for side in ("base", "candidate")} == {
            str(tmp_path / name) for name in tool.CLONES
        }
    assert bases[0] != bases[1]
    assert bases == bases[:2] * 2


@pytest.mark.slow
def test_a_trial_that_failed_is_told_and_bounds_nothing(
    tool: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    committed(tmp_path / "checkout", {CONV: {"status": "crash", "message": "dead"}, HALO: {}})
    assert tool.main(arguments(tmp_path, 1)) == 0
    told = capsys.readouterr().out
    assert "red         0 of 0 judged, 95 %: at most 100.00%" in told
    assert "FAILED      1 of 1" in told
    (trial,) = read_trials(tmp_path / FILE)
    git = ["git", "-C", str(tool.ROOT)]
    commit, changes = (
        subprocess.run([*git, *words], capture_output=True, text=True, check=True).stdout.strip()
        for words in (("rev-parse", "HEAD"), ("status", "--porcelain", "--", ".", ":!results"))
    )
    assert (trial.judge_commit, trial.judge_is_dirty) == (commit, bool(changes))
    assert commit[:12] in told
