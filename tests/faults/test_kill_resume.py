"""kill -9 of the parent at random moments: nothing finished is lost, nothing is done twice."""

import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from making_runs import case, faulty, new_run, preset
from sabench.records import Record
from sabench.store import journal
from sabench.store.run_folder import RunFolder

PARENT = (sys.executable, str(Path(__file__).parent / "parent.py"))
QUICKLY = {
    "warmup_min_calls": 1, "warmup_min_s": 0.0, "warmup_max_s": 0.02, "budget_s": 0.05,
    "samples_max": 10, "samples_min": 10,
}  # fmt: skip


def start(folder: RunFolder, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*PARENT, str(folder.path), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def processes_of(folder: RunFolder) -> list[int]:
    """Processes whose command line names the folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(folder.path).encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def kill_ten_times(folder: RunFolder, longest_s: float, *words: str) -> int:
    """Kill ten parents in a row, each at a random moment; how many were still at work."""
    moments = random.Random(2026)
    written: list[Record] = []
    at_work = 0
    for _ in range(10):
        parent = start(folder, *words)
        time.sleep(moments.uniform(0.1, longest_s))
        at_work += parent.poll() is None
        parent.kill()
        parent.communicate()
        now = journal.read(folder)
        assert now[: len(written)] == written  # what was journalled stays
        assert max(Counter((r.job_id, r.attempt) for r in now).values(), default=0) <= 1
        written = now
    return at_work


def finish(folder: RunFolder, *words: str) -> list[Record]:
    parent = start(folder, *words)
    _, told = parent.communicate(timeout=60)
    assert parent.returncode in (0, 6), told
    return journal.read(folder)


def test_pretended_jobs_survive_ten_kills_of_the_parent(tmp_path: Path) -> None:
    cases = faulty(*["slow"] * 29, "raises")
    folder = new_run(tmp_path / "run", cases, preset=preset(processes=3))
    assert kill_ten_times(folder, 0.9, "stand-in") == 10
    records = finish(folder, "stand-in")
    calm = new_run(tmp_path / "calm", cases, preset=preset(processes=3))
    undisturbed = finish(calm, "stand-in")
    keys = Counter((r.key, r.status) for r in records)
    assert keys == Counter((r.key, r.status) for r in undisturbed)
    assert set(keys.values()) == {1}
    assert processes_of(folder) == []


def test_measured_layers_survive_ten_kills_of_the_parent(tmp_path: Path) -> None:
    cases = tuple(case("conv", channels=8, size=size) for size in range(6, 12))
    folder = new_run(tmp_path / "run", cases, preset=preset(**QUICKLY))
    kill_ten_times(folder, 3.0)
    records = finish(folder)
    assert Counter(r.job_id for r in records if r.attempt == 1) == Counter(
        job.job_id for job in folder.info.jobs()
    )
    assert processes_of(folder) == []
