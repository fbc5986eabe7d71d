"""R13: the wall clock steps by an hour again and again, and no duration changes."""

import ast
import json
import os
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "tests" / "fakes" / "clock_step.c"

TINY = "name: tiny\naxes: {channels: 8, size: 7}\nmetrics: [latency_warm, first_call]\n"
TINY += "layers: [{layer: conv}]\n"

SEE_STEPS = """
import time
seen = set()
start = time.monotonic()
while time.monotonic() - start < 1.0:
    seen.add(round((time.time() - time.monotonic()) / 600))
    time.sleep(0.01)
print(time.monotonic() - start, max(seen) - min(seen))
"""


@pytest.fixture(scope="module")
def stepping(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables under which a process lives with a stepping wall clock."""
    if sys.platform != "linux" or shutil.which("gcc") is None:
        pytest.skip("gcc is needed to build the library that steps the clock")
    library = tmp_path_factory.mktemp("clock") / "clock_step.so"
    subprocess.run(
        ["gcc", "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"], check=True, timeout=60
    )
    return {**os.environ, "LD_PRELOAD": str(library)}


def test_the_library_steps_the_wall_clock_by_two_hours(stepping: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SEE_STEPS], env=stepping, capture_output=True, text=True, timeout=30
    )
    lasted, steps = map(float, done.stdout.split())
    assert lasted < 5.0
    assert steps == 12  # of ten minutes


def test_a_run_under_a_stepping_wall_clock_keeps_every_duration(
    stepping: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "sabench", "profile", "--suite", "tiny.yaml"),
            *("--device", "cpu", "--out", "run", "--set", "processes=2"),
        ],
        cwd=tmp_path,
        env={**stepping, "SABENCH_STATE": str(tmp_path / "state")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "run" / "journal.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    timed = [one for one in records if "latency_warm" in one.get("readings", {})]
    assert len(timed) >= 2
    for record in timed:
        assert record["status"] in ("ok", "ok_flagged", "contended"), record
        assert 0.0 < record["wall_s"] < 60.0
        reading = record["readings"]["latency_warm"]
        details = reading["details"]
        assert 0.2 <= details["warmup_s"] <= 10.0
        assert 0.0 < details["measured_s"] <= 10.0
        assert 0.0 < reading["statistics"]["minimum"] <= reading["statistics"]["maximum"] < 1.0
        assert 0.0 < record["readings"]["first_call"]["statistics"]["median"] < 30.0
    now = datetime.now().astimezone()
    apart = [
        abs((datetime.fromisoformat(one["started_utc"]) - now).total_seconds()) for one in timed
    ]
    assert all(3000.0 < seconds < 4200.0 for seconds in apart)  # the child lived under the steps


def wall_clock_uses(source: str) -> list[str]:
    """Where a module reads the wall clock as a number, or subtracts two of its moments."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr in ("time", "time_ns"):
            if isinstance(node.value, ast.Name) and node.value.id == "time":
                found.append(f"line {node.lineno}: time.{node.attr}")
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            named = {alias.name for alias in node.names} & {"time", "time_ns"}
            found += [f"line {node.lineno}: from time import {name}" for name in sorted(named)]
        elif isinstance(node, ast.Attribute) and node.attr in ("timestamp", "total_seconds"):
            found.append(f"line {node.lineno}: .{node.attr}()")
    return found


def test_no_module_that_measures_or_launches_takes_durations_from_the_wall_clock() -> None:
    found = {
        str(path.relative_to(ROOT)): uses
        for room in ("measure", "launch", "store", "cases")
        for path in sorted((ROOT / "sabench" / room).rglob("*.py"))
        if (uses := wall_clock_uses(path.read_text()))
    }
    assert found == {}


def test_a_duration_of_the_wall_clock_is_seen() -> None:
    assert wall_clock_uses("import time\nstart = time.time()") == ["line 2: time.time"]
    assert wall_clock_uses("from time import time") == ["line 1: from time import time"]
    assert wall_clock_uses("spent = (end - start).total_seconds()") != []
    assert wall_clock_uses("import time\nstart = time.perf_counter()") == []
