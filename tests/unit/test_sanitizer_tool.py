"""tools/check_sanitizer.py: both tools are run, and either can fail it."""

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from loading_tools import load_tool

PROGRAM = """#!/bin/sh
echo "$@" >> {calls}
case "$*" in *{bad}*) exit {code} ;; esac
"""


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(sys, "argv", ["check_sanitizer.py"])
    return load_tool("check_sanitizer")


def plant(monkeypatch: pytest.MonkeyPatch, folder: Path, bad: str, code: int) -> Path:
    """A compute-sanitizer that finds fault with one tool's run."""
    calls, program = folder / "calls", folder / "compute-sanitizer"
    program.write_text(PROGRAM.format(calls=calls, bad=bad, code=code))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    return calls


@pytest.mark.parametrize(
    ("bad", "code", "ends"),
    [("none", 0, 0), ("memcheck", 9, 1), ("racecheck", 9, 1), ("racecheck", 3, 1)],
)
def test_both_tools_must_be_clean(
    tool: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, bad: str, code: int, ends: int
) -> None:
    calls = plant(monkeypatch, tmp_path, bad, code)
    assert tool.main() == ends
    first, second = calls.read_text().splitlines()
    assert first.startswith("--tool memcheck --error-exitcode 9")
    assert second.startswith("--tool racecheck --error-exitcode 9")
    assert first.endswith("check_sanitizer.py --kernels")


def test_without_the_program_or_a_device_it_is_skipped(
    tool: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tool, "PLACES", (str(tmp_path),))
    assert tool.main() == 77
    plant(monkeypatch, tmp_path, "none", 0)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert tool.main() == 77
    told = capsys.readouterr().out.splitlines()
    assert told == [
        "skipped: compute-sanitizer is not installed",
        "skipped: torch sees no CUDA device",
    ]
