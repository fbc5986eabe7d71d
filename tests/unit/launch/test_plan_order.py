"""The plan follows from the run's head alone."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from making_runs import case, preset, run_info
from sabench.store.run_folder import RunFolder, RunInfo

TELL = """
import hashlib, sys
from pathlib import Path
from sabench.store.run_folder import RunFolder
jobs = RunFolder.open(Path(sys.argv[1])).info.jobs()
text = "\\n".join(job.model_dump_json() for job in jobs)
print(hashlib.sha256(text.encode()).hexdigest())
"""


def info() -> RunInfo:
    cases = [case(size=size, options={"window": 5}) for size in range(1, 40)]
    return run_info(tuple(cases), preset=preset(memory_apart=True))


def test_each_round_has_every_case_once_in_an_order_of_its_own() -> None:
    main = [job for job in info().jobs() if not job.apart]
    rounds = [[j.case.size for j in main if j.replicate == turn] for turn in (0, 1)]
    assert sorted(rounds[0]) == sorted(rounds[1]) == list(range(1, 40))
    assert rounds[0] != rounds[1]
    assert [job.replicate for job in main] == [0] * 39 + [1] * 39


def test_the_order_of_a_seed_is_the_same_for_ever() -> None:
    sizes = [job.case.size for job in run_info(tuple(case(size=s) for s in range(1, 6))).jobs()]
    # random.Random(7), Python 3.11 to 3.13: two shuffles of 1 to 5
    assert sizes == [5, 1, 4, 2, 3, 3, 4, 2, 5, 1]


def test_the_plan_is_the_same_in_another_process_and_on_other_pythons(tmp_path: Path) -> None:
    folder = RunFolder.create(info(), out=tmp_path / "run")
    root = Path(__file__).parents[3]
    told = set()
    for number, python in enumerate([sys.executable, sys.executable, *other_pythons()]):
        variables = os.environ | {"PYTHONHASHSEED": str(number), "PYTHONPATH": str(root)}
        done = subprocess.run(
            [python, "-c", TELL, str(folder.path)], capture_output=True, text=True, env=variables
        )
        assert done.returncode == 0, done.stderr
        told.add(done.stdout)
    assert len(told) == 1


def other_pythons() -> list[str]:
    """Other interpreters on the path that have what the plan needs."""
    found = []
    for name in ("python3.11", "python3.12", "python3.13"):
        path = shutil.which(name)
        probe = [path or "false", "-c", "import pydantic, numpy, yaml"]
        if path and subprocess.run(probe, capture_output=True).returncode == 0:
            found.append(path)
    return found


def test_a_run_without_cases_has_no_jobs() -> None:
    assert run_info(()).jobs() == []


@pytest.mark.parametrize("seed", [0, 1, 2**31])
def test_ids_do_not_depend_on_the_seed(seed: int) -> None:
    ids = {job.job_id for job in info().jobs()}
    assert {job.job_id for job in info().model_copy(update={"seed": seed}).jobs()} == ids
