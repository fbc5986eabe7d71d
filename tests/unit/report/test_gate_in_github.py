"""A gate in a workflow: commands to the runner, the step's summary, annotations."""

import re
import sys
from pathlib import Path

import pytest

from making_gates import judged, made
from sabench.compare.pair import Verdict
from sabench.report.annotations import MOST, annotation, gate_annotations
from sabench.report.gate_markdown import step_summary
from sabench.report.github import WorkflowStep


def test_every_workflow_command_is_refused_between_stop_and_resume(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the runner does it: after stop-commands only its own token is obeyed."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    tokens = set()
    for _ in range(2):
        with WorkflowStep() as step:
            print("::error::theirs", "::stop-commands::theirs", sep="\n", file=sys.stderr)
            step.end(made(judged("a", 1.1, Verdict.REGRESSED)))
        lines = capsys.readouterr().err.splitlines()
        token = lines[0].removeprefix("::stop-commands::")
        assert re.fullmatch("[0-9a-f]{32}", token)
        assert obeyed(lines) == [("stop-commands", token), ("error", ""), ("error", "")]
        tokens.add(token)
    assert len(tokens) == 2  # nobody knows it before the step runs
    assert (tmp_path / "summary.md").read_text().startswith("## sabench gate")


def obeyed(lines: list[str]) -> list[tuple[str, str]]:
    """The commands that a runner carries out, with what stop-commands was given.

    Source: actions/runner, src/Runner.Worker/ActionCommandManager.cs.
    """
    done, stopped = [], ""
    for line in lines:
        found = re.match(r"::([a-z-]+|[0-9a-f]{32})( [^:]*)?::(.*)", line)
        if found is None or (stopped and found[1] != stopped):
            continue
        is_stop = found[1] == "stop-commands"
        if not stopped:
            done.append((found[1], found[3] if is_stop else ""))
        stopped = found[3] if is_stop else ""
    return done


def test_outside_a_workflow_nothing_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    with WorkflowStep() as step:
        step.end(made())
    assert capsys.readouterr() == ("", "")
    assert not (tmp_path / "summary.md").exists()


def test_a_summary_that_cannot_be_written_is_told_in_a_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))
    WorkflowStep().end(made())
    assert "no summary was written" in capsys.readouterr().err.splitlines()[-1]


def test_a_summary_stays_below_what_github_takes() -> None:
    text = "ä\n" * 1000
    assert step_summary(text, 3000) == text
    cut = step_summary(text, 2999)
    assert len(cut.encode()) <= 2999
    assert cut.startswith("ä\nä\n")
    assert "Cut here" in cut


def test_an_annotation_escapes_as_the_toolkit_does() -> None:
    """The escapes of actions/toolkit, packages/core/src/command.ts."""
    assert annotation("error", "a:b,c", "50%, x:y") == "::error title=a%3Ab%2Cc::50%25, x:y"


def test_annotations_beyond_what_github_shows_are_counted() -> None:
    many = made(*(judged(f"case{n}", 1.1, Verdict.REGRESSED) for n in range(20)))
    lines = gate_annotations(many)
    assert len(lines) == MOST + 1
    assert lines[-1].endswith("::11 more in the table")
