"""How much of the CUDA path runs without a GPU: lines and branches, per file.

    .venv/bin/python tools/check_cuda_coverage.py [--least 0.9] [--missing]

The tests that drive the stand-in run here under a tracer of the standard library. A branch is one
way out of an `if`, `while` or `for` statement; conditional expressions and short circuits are not
told apart. Exit code: 0 every file has the share, 1 one has not, 2 a test failed, or a file named
here is not there.
"""

import argparse
import ast
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MEASURE = ROOT / "sabench" / "measure"
TARGETS = (
    *sorted(MEASURE.glob("cuda_*.py")),
    *(MEASURE / "runtimes" / f"{name}.py" for name in ("eager", "compiled", "cudagraph", "folded")),
    *(MEASURE / "metrics" / f"{name}.py" for name in ("latency", "cold", "graph", "memory")),
    MEASURE / "metrics" / "energy.py",
    *(MEASURE / f"{name}.py" for name in ("runner", "building", "first_use", "faults")),
    *(MEASURE / f"{name}.py" for name in ("watching", "device_memory")),
    *(MEASURE / "selftest" / f"{name}.py" for name in ("bench", "cuda")),
    *(MEASURE / f"{name}.py" for name in ("instruments", "compiler", "touched", "calls")),
    *(MEASURE / f"{name}.py" for name in ("protocol", "judging", "warm_up", "device_diary")),
)
TESTS = (
    "cuda_*",
    "compiled",
    "folded",
    "instruments",
    "protocol",
    "sampling_in_turns",
    "device_diary",
    "runner",
    "building",
    "first_use",
    "faults",
    "watching",
    "device_memory",
    "energy_readings",
    "selftest_bench",
)
"""Tests of tests/unit/measure that drive the stand-in, and the protocol beside it."""

TEST_FOLDER = ROOT / "tests" / "unit" / "measure"

Ways = dict[int, set[int]]
"""Lines that were seen to follow a line in the same frame; 0: the frame ended."""


@dataclass(slots=True)
class Seen:
    """What ran of one file."""

    lines: set[int] = field(default_factory=set)
    ways: Ways = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Branch:
    """A statement that chooses: the lines of its test, the first line of its body."""

    first: int
    last: int
    body: int


def main() -> int:
    """Run the tests under the tracer, print a line per file."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--least", type=float, default=0.9, help="share that every file must have")
    parser.add_argument("--missing", action="store_true", help="name what did not run")
    asked = parser.parse_args()
    os.chdir(ROOT)
    if missing := absent():
        print(f"error: not there, so renamed or gone: {', '.join(missing)}; mend the lists here")
        return 2
    seen = {str(path): Seen() for path in TARGETS}
    if code := run_tests(seen):
        print(f"the tests ended with exit code {code}: nothing is said about coverage")
        return 2
    held = True
    for path in map(Path, seen):
        ran, whole, not_run = coverage_of(path, seen[str(path)])
        share = ran / whole if whole else 1.0
        held &= share >= asked.least
        print(f"{share:7.1%}  {ran:4d} of {whole:4d}  {path.relative_to(ROOT)}")
        if asked.missing and not_run:
            print(f"         not run: {', '.join(not_run)}")
    print(f"{'pass' if held else 'FAIL'}: at least {asked.least:.0%} of lines and branches each")
    return 0 if held else 1


def absent() -> list[str]:
    """Modules and tests that are named here and are not there."""
    named = [path for path in TARGETS if not path.is_file()]
    named += [TEST_FOLDER / f"test_{name}.py" for name in TESTS if not tests_of(name)]
    return [str(path.relative_to(ROOT)) for path in named]


def tests_of(name: str) -> list[str]:
    """The files of tests by a name of TESTS."""
    return sorted(str(path) for path in TEST_FOLDER.glob(f"test_{name}.py"))


def run_tests(seen: dict[str, Seen]) -> int:
    """pytest in this process, so that the tracer sees imports too."""
    import pytest

    sys.path[:0] = [str(ROOT)]
    tests = [file for name in TESTS for file in tests_of(name)]
    names = {os.path.realpath(name): one for name, one in seen.items()}
    sys.settrace(lambda frame, *_: tracer(frame, names))
    try:
        return int(pytest.main(["-q", "-p", "no:cacheprovider", "-m", "not slow", *tests]))
    finally:
        sys.settrace(None)


def tracer(frame: FrameType, names: dict[str, Seen]) -> Any:
    """The local tracer of a frame of ours, None for all others."""
    one = names.get(frame.f_code.co_filename)
    if one is None:
        return None
    before = frame.f_lineno

    def local(frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal before
        if event == "line":
            one.lines.add(frame.f_lineno)
            one.ways.setdefault(before, set()).add(frame.f_lineno)
            before = frame.f_lineno
        elif event == "return":
            one.ways.setdefault(before, set()).add(0)
        return local

    return local


def coverage_of(path: Path, seen: Seen) -> tuple[int, int, list[str]]:
    """Lines and branches that ran, that there are, and those that did not."""
    source = path.read_text()
    lines = set(executable(compile(source, str(path), "exec"))) - docstrings(source)
    missing = [f"line {line}" for line in sorted(lines - seen.lines)]
    branches = 0
    for branch in branches_of(source):
        if not seen.lines & set(range(branch.first, branch.last + 1)):
            continue  # said already: its lines did not run
        after = {
            line
            for start in range(branch.first, branch.last + 1)
            for line in seen.ways.get(start, set())
            if not branch.first <= line <= branch.last
        }
        branches += 2
        if branch.body not in after:
            missing.append(f"line {branch.first} into its body")
        if not after - {branch.body}:
            missing.append(f"line {branch.first} past its body")
    whole = len(lines) + branches
    return whole - len(missing), whole, missing


def executable(code: CodeType) -> Iterator[int]:
    """Lines that have bytecode, those of nested functions too."""
    yield from (line for _, _, line in code.co_lines() if line)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from executable(constant)


def docstrings(source: str) -> set[int]:
    """Lines that only hold a string."""
    return {
        line
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }


def branches_of(source: str) -> Iterator[Branch]:
    """Every statement that chooses, but loops without a test."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.If | ast.While):
            test: ast.expr = node.test
        elif isinstance(node, ast.For):
            test = node.iter
        else:
            continue
        if not isinstance(test, ast.Constant):
            yield Branch(node.lineno, test.end_lineno or node.lineno, node.body[0].lineno)


if __name__ == "__main__":
    sys.exit(main())
