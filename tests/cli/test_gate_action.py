"""action.yml and docs/gate.md: the script runs as GitHub would run it, and options are real."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from checkouts import CONV, HALO, SUITE, pretend, stored_base
from sabench.cli.commands import app
from sabench.compare.gate.folder import read_gate
from sabench.compare.gate.result import GateResult
from sabench.errors import ExitCode
from sabench.measure.environment import environment as environment_here

ROOT = Path(__file__).parent.parent.parent
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
(STEP,) = ACTION["runs"]["steps"]
PAGE = (ROOT / "docs" / "gate.md").read_text()
WORKFLOWS = [
    found
    for block in re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
    if "jobs" in (found := yaml.safe_load(block))
]
MARK = re.compile(r"\$\{\{ inputs\.([a-z-]+) \}\}")


def options() -> set[str]:
    """Of `sabench gate`."""
    command: Any = typer.main.get_command(app)
    return {name for one in command.commands["gate"].params for name in one.opts}


def run_action(folder: Path, **inputs: str) -> subprocess.CompletedProcess[str]:
    """The step's script with the action's defaults, as the runner calls it."""
    given = {name: str(one["default"]) for name, one in ACTION["inputs"].items()} | inputs
    variables = {key: MARK.sub(lambda m: given[m[1]], str(v)) for key, v in STEP["env"].items()}
    github = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_OUTPUT": str(folder / "outputs"),
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
    }
    (folder / "script.sh").write_text(STEP["run"])
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "script.sh"],
        cwd=folder,
        env=os.environ | variables | github | {"SABENCH_STATE": str(folder / "state")},
        capture_output=True,
        text=True,
        timeout=120,
    )


def settings(folder: Path) -> dict[str, str]:
    (folder / "pair.yaml").write_text(SUITE)
    return {
        "python": sys.executable,
        "suite": "pair.yaml",
        "device": "cpu",
        "on-contention": "warn",
    }


def test_the_action_fails_its_step_where_a_case_is_slower_and_writes_the_report(
    tmp_path: Path,
) -> None:
    pretend(tmp_path / "base")
    pretend(tmp_path / "candidate", {CONV: {}, HALO: {"candidate": 1.2}})
    done = run_action(tmp_path, **settings(tmp_path))
    assert (done.returncode, done.stderr) == (1, ""), done.stdout
    assert (tmp_path / "outputs").read_text() == "exit-code=1\noutcome=REGRESSED\n"
    assert "REGRESSED" in (tmp_path / "summary.md").read_text()
    report = {path.name for path in (tmp_path / "sabench-gate").iterdir()}
    assert report == {"gate.md", "junit.xml", "benchmark.json", "run"}
    lines = done.stdout.splitlines()
    token = lines[0].removeprefix("::stop-commands::")
    after = lines[lines.index(f"::{token}::") + 1 :]
    assert re.fullmatch("[0-9a-f]{32}", token)
    assert [line[:8] for line in after[:2]] == ["::error "] * 2


def test_an_action_without_a_base_and_without_a_history_measures_nothing(tmp_path: Path) -> None:
    done = run_action(tmp_path, **settings(tmp_path), base="")
    told = "::error::sabench gate: name a base or a history\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, told, "")
    assert (tmp_path / "outputs").read_text() == "exit-code=2\noutcome=\n"
    assert not (tmp_path / "sabench-gate").exists()


def kept(folder: Path) -> GateResult:
    """What the gate of a step found."""
    return read_gate(folder / "sabench-gate" / "run")


@pytest.mark.slow
def test_a_step_measures_what_its_inputs_ask_for(tmp_path: Path) -> None:
    """A base and a candidate by other names, one case of which does a fifth more."""
    pretend(tmp_path / "main")
    pretend(tmp_path / "change")
    asked = settings(tmp_path) | {"base": "main", "candidate": "change", "plant": "1.2"}
    done = run_action(tmp_path, **asked, filter="halo/*", strict="true")
    assert (done.returncode, done.stderr) == (1, ""), done.stdout
    found = kept(tmp_path)
    assert (found.base.name, found.candidate.name) == ("main", "change")
    assert (found.mode, found.device, found.suite) == ("interleaved", "cpu", "pair")
    assert (found.plant, found.planted) == (1.2, HALO)
    assert [(one.case_id, one.verdict) for one in found.cases] == [(HALO, "REGRESSED")]
    assert {"--strict", "--wait", "--on-contention=warn"} <= {*found.command_line}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("allow", "code", "outcome"), [("true", 0, "PASSED"), ("false", 1, "REGRESSED")]
)
def test_a_step_minds_a_case_that_is_gone_unless_it_is_told_not_to(
    allow: str, code: int, outcome: str, tmp_path: Path
) -> None:
    pretend(tmp_path / "base")
    pretend(tmp_path / "candidate", {CONV: {}})
    done = run_action(tmp_path, **settings(tmp_path), **{"allow-missing": allow})
    assert (done.returncode, done.stderr) == (code, ""), done.stdout
    assert (tmp_path / "outputs").read_text() == f"exit-code={code}\noutcome={outcome}\n"
    assert kept(tmp_path).missing == (HALO,)


@pytest.mark.slow
def test_a_step_with_a_history_measures_the_candidate_alone(tmp_path: Path) -> None:
    """There is no folder `base`, though that is the input's default."""
    stored_base(tmp_path / "kept.json", environment_here("cpu"))
    pretend(tmp_path / "candidate", {CONV: {}, HALO: {"candidate": 1.3}})
    done = run_action(tmp_path, **settings(tmp_path), history="kept.json")
    assert (done.returncode, done.stderr) == (1, ""), done.stdout
    found = kept(tmp_path)
    assert (found.mode, found.base.name) == ("history", "kept.json")
    assert {one.case_id: one.verdict for one in found.cases} == {CONV: "SAME", HALO: "REGRESSED"}
    assert (tmp_path / "outputs").read_text() == "exit-code=1\noutcome=REGRESSED\n"
    assert "History mode" in (tmp_path / "summary.md").read_text()


@pytest.mark.parametrize(
    ("inputs", "code", "told"),
    [
        ({"history": "none.json"}, 3, "none.json"),
        pytest.param(
            *({"history": "none.json", "base-python": "python"}, 2, "no --base-python"),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            *({"base": "nowhere"}, 2, "nowhere: there is no such folder"), marks=pytest.mark.slow
        ),
        ({"device": "cuda:63"}, 5, "cuda:63"),
    ],
)
def test_a_step_that_cannot_measure_ends_with_the_gates_code_and_an_annotation(
    inputs: dict[str, str], code: int, told: str, tmp_path: Path
) -> None:
    pretend(tmp_path / "base")
    pretend(tmp_path / "candidate")
    done = run_action(tmp_path, **settings(tmp_path) | inputs)
    assert done.returncode == code, done.stdout
    (error,) = [line for line in done.stdout.splitlines() if line.startswith("::error ")]
    assert told in error
    assert (tmp_path / "outputs").read_text() == f"exit-code={code}\noutcome=\n"


def told_program(folder: Path, code: int, outcome: str = "PASSED") -> str:
    """A Python that writes down the gate's arguments and exits so; asked, it tells the outcome."""
    program = folder / "told"
    program.write_text(
        f'#!/bin/sh\nif [ "$2" = -c ]; then echo {outcome}; exit 0; fi\n'
        f'printf "%s\\0" "$@" > "{folder}/arguments"\nexit {code}\n'
    )
    program.chmod(0o755)
    return str(program)


def told_arguments(folder: Path) -> list[str]:
    """What the gate was called with, after `-P -m sabench gate`."""
    words = (folder / "arguments").read_text().split("\0")[:-1]
    assert words[:4] == ["-P", "-m", "sabench", "gate"]
    return words[4:]


@pytest.mark.parametrize(
    ("code", "outcome", "unreliable", "ends"),
    [
        (4, "UNRELIABLE", "fail", 4),
        (4, "UNRELIABLE", "warn", 0),
        (4, "PASSED", "warn", 4),  # --strict: a case was AMBIGUOUS
        (4, "", "warn", 4),
        (1, "REGRESSED", "warn", 1),
        (0, "PASSED", "fail", 0),
    ],
)
def test_only_an_unreliable_gate_may_be_a_warning(
    code: int, outcome: str, unreliable: str, ends: int, tmp_path: Path
) -> None:
    python = told_program(tmp_path, code, outcome)
    assert run_action(tmp_path, python=python, unreliable=unreliable).returncode == ends
    assert (tmp_path / "outputs").read_text() == f"exit-code={code}\noutcome={outcome}\n"


@pytest.mark.slow
def test_a_sabench_in_the_workspace_is_not_the_one_that_judges(tmp_path: Path) -> None:
    hostile = tmp_path / "sabench"
    hostile.mkdir()
    for name in ("__init__.py", "__main__.py"):
        (hostile / name).write_text('import pathlib\npathlib.Path("pwned").touch()\n')
    pretend(tmp_path / "base")
    pretend(tmp_path / "candidate")
    done = run_action(tmp_path, **settings(tmp_path))
    assert done.returncode == 0, done.stdout
    assert "outcome=PASSED" in (tmp_path / "outputs").read_text()
    assert not list(tmp_path.rglob("pwned"))


@pytest.mark.parametrize("ending", ["", "\n", "\nrm -rf x\n--strict"], ids=["one", "two", "three"])
def test_no_input_is_code(ending: str, tmp_path: Path) -> None:
    hostile = f"$(touch pwned) `touch pwned`; touch pwned\" ' && touch pwned{ending}"
    python = told_program(tmp_path, 0)
    names = [name for name in ACTION["inputs"] if name not in ("python", "history")]
    done = run_action(tmp_path, python=python, **dict.fromkeys(names, hostile))
    assert done.returncode == 0, done.stderr
    arguments = told_arguments(tmp_path)
    assert {f"--filter={hostile}", f"--out={hostile}/run", f"--base={hostile}"} <= {*arguments}
    run_action(tmp_path, python=python, history=hostile)
    assert f"--history={hostile}" in told_arguments(tmp_path)
    assert run_action(tmp_path, python=hostile).returncode == 127  # no such command
    assert "--strict" not in arguments
    assert not list(tmp_path.rglob("pwned"))
    assert "${{" not in STEP["run"]


def test_every_input_reaches_the_command(tmp_path: Path) -> None:
    python = told_program(tmp_path, 0)
    given = dict.fromkeys(ACTION["inputs"], "x") | {"python": python, "layers": "a.py:A\nb.py:B\n"}
    given |= {"allow-missing": "true", "strict": "true", "history": ""}
    run_action(tmp_path, **given)
    arguments = told_arguments(tmp_path)
    assert {one.partition("=")[0] for one in arguments} <= options()
    wanted = {"base", "candidate", "suite", "device", "filter", "plant", "base-python"}
    assert {f"--{name}=x" for name in wanted | {"candidate-python", "on-contention"}} <= {
        *arguments
    }
    assert {"--layer=a.py:A", "--layer=b.py:B", "--strict", "--allow-missing"} <= {*arguments}


def test_the_options_on_the_page_are_those_of_the_command() -> None:
    shown = [line for line in PAGE.splitlines() if "sabench gate" in line]
    shown += re.findall(r"`(--[^`]*)`", PAGE)
    named = {option for line in shown for option in re.findall(r"--[a-z-]+", line)}
    assert named - {"--ephemeral"} <= options()
    assert {"--plant", "--history", "--junit"} <= named


def test_the_workflows_on_the_page_ask_for_inputs_that_there_are() -> None:
    steps = [step for flow in WORKFLOWS for job in flow["jobs"].values() for step in job["steps"]]
    used = [step["with"] for step in steps if step.get("uses", "").startswith("sabench/")]
    assert len(used) == len(WORKFLOWS) == 2
    assert all(set(one) <= set(ACTION["inputs"]) for one in used)


def test_no_workflow_on_the_page_runs_strangers_code_on_a_runner_of_ones_own() -> None:
    """`on` is the boolean True in YAML 1.1."""
    for flow in WORKFLOWS:
        triggers = flow[True] if isinstance(flow[True], dict) else {flow[True]: None}
        for job in flow["jobs"].values():
            is_own = "self-hosted" in str(job["runs-on"])
            assert set(triggers) == ({"workflow_dispatch"} if is_own else {"pull_request"})
            assert flow["permissions"] == {"contents": "read"}
            checkouts = [s for s in job["steps"] if "checkout" in s.get("uses", "")]
            assert all(one["with"]["persist-credentials"] is False for one in checkouts)
            scripts = [step.get("run", "") for step in job["steps"]]
            assert not any("${{" in script for script in scripts)


def test_the_page_has_every_exit_code() -> None:
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, flags=re.MULTILINE)}
    assert listed == set(ExitCode)
