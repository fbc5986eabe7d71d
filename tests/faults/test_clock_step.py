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
TINY += "layers: [{layer: conv, window: [1, 3]}]\n"

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
            *("--device", "cpu", "--out", "run", "--set", "budget_s=0.2"),
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


EXEMPT = {
    "sabench/measure/neighbours.py": [
        "def __init__(self, device: Device, wall: Callable[[], float] = time.time) -> None:"
    ]
}
"""The one line that may name the wall clock: the driver stamps its samples of who used a device
with it, so the first question, "since when", has to be asked in it. No duration comes from it.
"""


def wall_clock_uses(source: str) -> list[str]:
    """The lines where a module reads the wall clock as a number, or subtracts two moments of it."""
    numbers = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr in ("time", "time_ns"):
            if isinstance(node.value, ast.Name) and node.value.id == "time":
                numbers.append(node.lineno)
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            if {alias.name for alias in node.names} & {"time", "time_ns"}:
                numbers.append(node.lineno)
        elif isinstance(node, ast.Attribute) and node.attr in ("timestamp", "total_seconds"):
            numbers.append(node.lineno)
    return [source.splitlines()[number - 1].strip() for number in sorted(numbers)]


def all_wall_clock_uses() -> dict[str, list[str]]:
    """Those of every module that measures or launches, by its path."""
    return {
        str(path.relative_to(ROOT)): uses
        for room in ("measure", "launch", "store", "cases")
        for path in sorted((ROOT / "sabench" / room).rglob("*.py"))
        if (uses := wall_clock_uses(path.read_text()))
    }


def test_no_module_that_measures_or_launches_takes_durations_from_the_wall_clock() -> None:
    assert all_wall_clock_uses() == EXEMPT


def test_the_exempted_module_asks_for_the_wall_clock_once_and_only_at_first() -> None:
    [(path, _)] = EXEMPT.items()
    lines = [line.strip() for line in (ROOT / path).read_text().splitlines()]
    [asked] = [line for line in lines if "self._wall()" in line]
    assert asked.startswith("since = ")
    assert asked.endswith(" if self._newest is None else self._newest")


@pytest.mark.parametrize(
    "line",
    [
        "start = time.time()",
        "start = time.time_ns()",
        "from time import time",
        "spent = (end - start).total_seconds()",
        "spent = end.timestamp() - start",
    ],
)
def test_a_duration_of_the_wall_clock_is_seen_in_the_exempted_module_too(line: str) -> None:
    [(path, [allowed])] = EXEMPT.items()
    planted = (ROOT / path).read_text() + f"\n{line}\n"
    assert wall_clock_uses(planted) == [allowed, line]


def test_a_monotonic_duration_is_no_use_of_the_wall_clock() -> None:
    assert wall_clock_uses("import time\nstart = time.perf_counter()") == []
