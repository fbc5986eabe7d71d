"""Scripts for the fake runtime: made-up figures and planted faults, through the real pipeline."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from forking import run_command
from making_runs import case
from sabench.cases.case import Case
from sabench.measure.fake_script import VARIABLE


def write_script(path: Path, *rules: dict[str, Any], seed: int = 0) -> dict[str, str]:
    """The variables of a process that the rules are to rule."""
    path.write_text(json.dumps({"seed": seed, "rules": rules}))
    return {VARIABLE: str(path)}


def plant(
    monkeypatch: pytest.MonkeyPatch, folder: Path, *rules: dict[str, Any], seed: int = 0
) -> None:
    """Rule this process, and the children that it starts."""
    for key, value in write_script(folder / "script.json", *rules, seed=seed).items():
        monkeypatch.setenv(key, value)


def fake_case(size: int, **fields: Any) -> Case:
    """A case that runs nothing; each is told apart by its size."""
    return case(size=size, runtime="fake", **fields)


TRAINED_SUITE = """\
name: small
title: Two small trainings
axes: {data: "xor:train=96,test=32", resolution: 16}
networks:
  - network: resnet26
    width: 0.125
    depth: 0.1
    mix: conv
  - network: resnet26
    width: 0.25
    depth: 0.1
    mix: halo
    halo.block: 4
    halo.halo: 1
train: {epochs: 3, batch: 32}
"""
"""Two networks that are trained in a second."""


def sabench(
    *arguments: str, cwd: Path, outside_tests: bool = False, **variables: str
) -> subprocess.CompletedProcess[str]:
    """One command in its own process, as a shell would run it."""
    environment = {**os.environ, "COLUMNS": "80", "SABENCH_STATE": str(cwd / "state"), **variables}
    if outside_tests:
        del environment["PYTEST_CURRENT_TEST"]
    return run_command(arguments, cwd, environment)
