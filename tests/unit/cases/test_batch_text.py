"""What a child is given: one of an earlier version refuses every key that it does not know."""

import json
from typing import Any

import pytest

from making_runs import batch_of, case, preset, run_info
from making_trainings import RECIPE, training_case
from sabench.cases.case import Case
from sabench.cases.plan import gate_jobs
from sabench.errors import ResultError

BATCH = {
    *("schema", "batch_id", "suite", "preset", "environment", "device", "threads", "cores"),
    *("memory_limit", "jobs"),
}
JOB = {
    *("job_id", "kind", "case", "metrics", "device", "replicate", "attempt", "apart", "seed"),
}
CASE = {
    *("kind", "subject", "channels", "size", "resolution", "stride", "batch", "threads"),
    *("layout", "autocast", "options", "dtype", "mode", "implementation", "runtime", "window"),
    "file",
}
"""As the first version that a gate can have on its other side had them."""


def told(case: Case, **changes: Any) -> dict[str, Any]:
    jobs = gate_jobs([case], "cpu", ["latency_warm"], "base", 0, 0)
    text: dict[str, Any] = json.loads(batch_of(jobs, preset=preset(), **changes).text())
    return text


def test_a_batch_of_a_profile_has_no_key_that_an_older_child_does_not_know() -> None:
    text = told(Case(kind="layer", subject="conv", channels=64, size=14))
    (job,) = text["jobs"]
    assert (set(text), set(job), set(job["case"])) == (BATCH, JOB, CASE)


def test_a_batch_of_a_training_says_what_it_is_trained_with() -> None:
    text = told(training_case(e=2), recipe=RECIPE, checkpoints="run/checkpoints")
    assert text["recipe"]["epochs"] == RECIPE.epochs
    assert text["checkpoints"] == "run/checkpoints"
    assert text["jobs"][0]["case"]["e"] == 2


def test_a_batch_in_a_folder_whose_name_is_no_utf8_is_one_clear_line() -> None:
    odd = batch_of(run_info((case(),)).jobs(), checkpoints="/tmp/x\udcff/checkpoints")
    with pytest.raises(ResultError, match=r"batch 00000 cannot be written: .*another folder"):
        odd.text()
