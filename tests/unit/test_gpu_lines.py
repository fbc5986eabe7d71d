"""Each row of docs/gpu-checks.md is a line of tools/gpu.sh, and says how its own tests ended."""

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from fnmatch import fnmatchcase
from pathlib import Path
from types import ModuleType

import pytest

from loading_tools import load_tool

ROOT = Path(__file__).parents[2]
NAMES = re.findall(r"^\| `([^`]+)` \|", (ROOT / "docs/gpu-checks.md").read_text(), re.MULTILINE)
TRUTH = "tests/gpu/test_timing_truth.py"

STAND_IN = """#!/bin/sh
# The python of a machine on which all goes well; pytest's reports lie ready in {reports}.
case "$*" in
  *gpu_lines.py*) exec "{python}" "$@" ;;
  *--junitxml=*)
    for word; do case "$word" in
      --junitxml=*) cp "{reports}/${{word##*/}}" "${{word#*=}}" ;;
    esac; done
    echo "the sampler's effect: +0.01 %"
    ;;
  *"sabench tune"*) echo "$@"; {tuning} ;;
esac
"""


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What pytest tells of each file of tests/gpu where there is no GPU."""
    folder = tmp_path_factory.mktemp("reports")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "gpu"]
    command += ["tests/gpu", f"--junitxml={folder / 'all'}"]
    blind = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, cwd=ROOT, env=blind, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    suites: dict[str, ElementTree.Element] = {}
    for case in ElementTree.parse(folder / "all").iter("testcase"):
        file = case.get("classname", "").rpartition(".")[2]
        suites.setdefault(file, ElementTree.Element("testsuite")).append(case)
    for file, suite in suites.items():
        ElementTree.ElementTree(suite).write(folder / f"{file}.xml")
    return folder


@pytest.fixture
def tree(tmp_path: Path, reports: Path) -> Path:
    """A working tree whose python stands in."""
    for name in ("tests", "tools"):
        (tmp_path / name).symlink_to(ROOT / name)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    filled = STAND_IN.format(reports=reports, python=sys.executable, tuning="exit 0")
    python.write_text(filled)
    python.chmod(0o755)
    return tmp_path


def gpu(tree: Path, *parts: str) -> tuple[int, list[str]]:
    """The exit code of tools/gpu.sh and the lines of its summary."""
    done = subprocess.run(
        ["bash", "tools/gpu.sh", "out", *parts], cwd=tree, capture_output=True, text=True
    )
    summary = tree / "out" / "summary.txt"
    return done.returncode, summary.read_text().splitlines() if summary.exists() else []


def name_of(line: str) -> str:
    return line.split(": ")[1].split(" (")[0]


@pytest.mark.slow
def test_each_row_is_exactly_one_line_and_each_line_has_its_row(tree: Path) -> None:
    code, lines = gpu(tree)
    assert code == 0, lines
    assert len(NAMES) == len(set(NAMES)) > 20
    of = {name: [one for one in lines if fnmatchcase(name_of(one), name)] for name in NAMES}
    for name, found in of.items():
        assert len(found) == 1 or (found and name.endswith("*")), name
    assert sorted(one for found in of.values() for one in found) == sorted(lines)


@pytest.mark.slow
def test_a_part_is_one_file_and_what_it_prints_is_kept(tree: Path) -> None:
    code, lines = gpu(tree, "tests:timing_truth")
    assert (code, [name_of(line) for line in lines]) == (0, ["R17", "R18", "R23"])
    assert lines[0] == "skipped: R17 (8 skipped, 0 s: no CUDA device)"
    assert "the sampler's effect" in (tree / "out" / "test_timing_truth.txt").read_text()
    assert gpu(tree, "tests:timing_lies")[0] == 2


@pytest.mark.slow
def test_a_file_that_gives_no_report_fails_each_of_its_lines(tree: Path) -> None:
    python = tree / ".venv" / "bin" / "python"
    python.write_text(python.read_text().replace("cp ", "exit 139; cp "))
    code, lines = gpu(tree, "tests:timing_truth")
    assert code == 1
    assert lines == [
        *(f"FAIL: {name} (no test ran)" for name in ("R17", "R18", "R23")),
        "FAIL: test_timing_truth (pytest's exit code 139)",
    ]


@pytest.mark.slow
def test_both_precisions_are_tuned(tree: Path) -> None:
    assert gpu(tree, "tune")[0] == 0
    asked = (tree / "out" / "tune.txt").read_text()
    assert "sabench tune --device cuda:0 --axis dtype=fp32,bf16" in asked


@pytest.mark.slow
def test_tuning_that_takes_too_long_is_interrupted_and_gone_on_with(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by Ctrl-C: the run folder is whole, and sabench ends with 130."""
    python = tree / ".venv" / "bin" / "python"
    text = python.read_text()
    python.write_text(text.replace("exit 0", "trap 'exit 130' INT; while :; do :; done"))
    monkeypatch.setenv("TUNE_S", "0.5")
    code, lines = gpu(tree, "tune")
    assert (code, [re.sub(r"\d+ s", "", line) for line in lines]) == (
        1,
        ["FAIL: tune (exit code 130, )"],
    )
    python.write_text(text)
    (tree / "out" / "tune").mkdir()
    (tree / "out" / "tune" / "run.json").touch()
    assert gpu(tree, "tune")[0] == 0
    assert "sabench tune --resume out/tune" in (tree / "out" / "tune.txt").read_text()


@pytest.fixture
def tool() -> ModuleType:
    return load_tool("gpu_lines")


@pytest.mark.slow
def test_each_gpu_test_is_of_exactly_one_row(tool: ModuleType, reports: Path) -> None:
    for report in sorted(reports.glob("test_*.xml")):
        rows = tool.rows_of(f"tests/gpu/{report.stem}.py")
        for test in tool.tests_of(report):
            assert sum(row.holds(test.name) for row in rows) == 1, (report.stem, test.name)


def told(tool: ModuleType, tmp_path: Path, *cases: str) -> int:
    """The exit code for a report with such cases of timing truth."""
    report = tmp_path / "report.xml"
    report.write_text(f"<testsuite>{''.join(cases)}</testsuite>")
    return tool.main(TRUTH, str(report))


def case(name: str, inside: str = "") -> str:
    return f'<testcase name="test_{name}" time="1.5">{inside}</testcase>'


QUIET = (case("a_flush[1]"), case("watching"))
REST = ["pass: R18 (1 passed, 2 s)", "pass: R23 (1 passed, 2 s)"]
SKIP = '<skipped type="pytest.skip" message="no kernel&#10;is compiled"/>'


@pytest.mark.parametrize(
    ("spins", "code", "line"),
    [
        ((case("a_spin[1]"), case("a_spin[2]")), 0, "pass: R17 (2 passed, 3 s)"),
        (
            (case("a_spin[1]", SKIP), case("a_spin[2]", SKIP)),
            0,
            "skipped: R17 (2 skipped, 3 s: no kernel is compiled)",
        ),
        (
            (case("a_spin[1]"), case("a_spin[2]", SKIP)),
            0,
            "pass: R17 (1 passed, 1 skipped, 3 s: no kernel is compiled)",
        ),
        (
            (case("a_spin[1]", SKIP), case("a_spin[2]", '<failure message="3 s"/>')),
            1,
            "FAIL: R17 (1 failed, 1 skipped, 3 s: test_a_spin[2])",
        ),
        (
            (case("a_spin[1]", '<error message="at setup"/>'),),
            1,
            "FAIL: R17 (1 failed, 2 s: test_a_spin[1])",
        ),
        ((), 1, "FAIL: R17 (no test ran)"),
    ],
    ids=["pass", "all skipped", "some skipped", "failed", "error", "none"],
)
def test_a_row_says_how_its_own_tests_ended(
    tool: ModuleType,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    spins: tuple[str, ...],
    code: int,
    line: str,
) -> None:
    assert told(tool, tmp_path, *spins, *QUIET) == code
    assert capsys.readouterr().out.splitlines() == [line, *REST]


def test_a_test_that_no_row_names_fails(
    tool: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(tool, tmp_path, case("a_spin"), *QUIET, case("something_new")) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "FAIL: test_something_new (no row of docs/gpu-checks.md names it)"
