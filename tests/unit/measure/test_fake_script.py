"""Which rule of a script rules a job, and that there are no made-up figures outside tests."""

import json
from pathlib import Path
from typing import Any

import pytest

from faking import fake_case, plant
from making_runs import batch_of, case, new_run, preset
from sabench.cases.plan import Job, make_jobs
from sabench.errors import ConfigError
from sabench.launch.request import Request, plan_run, resume_run
from sabench.measure.fake_bench import FakeBench
from sabench.measure.fake_script import IN_A_TEST, VARIABLE, Script, find_script
from sabench.measure.runner import run_job
from sabench.records import Status

SUITE = "name: faked\naxes: {runtime: fake, size: 7, channels: 8}\nlayers: [{layer: conv}]\n"


def job_of(size: int = 7, **changes: Any) -> Job:
    (job, *_) = make_jobs([fake_case(size)], ["cpu"], ("latency_warm",), preset(), seed=1)
    return job.model_copy(update=changes)


def test_the_first_rule_that_matches_rules() -> None:
    rules = [
        {"match": "halo*", "seconds": 1.0},
        {"match": "*size=7/*", "replicate": 1, "seconds": 2.0},
        {"match": "*size=7/*", "attempt": 2, "seconds": 3.0},
        {"match": "*size=7/*", "seconds": 4.0},
    ]
    script = Script.model_validate({"rules": rules})
    assert script.rule(job_of()).seconds == 4.0
    assert script.rule(job_of(attempt=2)).seconds == 3.0
    assert script.rule(job_of(replicate=1)).seconds == 2.0
    assert script.rule(job_of(replicate=1, attempt=2)).seconds == 2.0
    assert script.rule(job_of(8)).seconds == 1e-3


def planned(folder: Path) -> list[str]:
    """The runtimes of the cases that were planned."""
    (folder / "faked.yaml").write_text(SUITE)
    planned = plan_run(Request(suite=str(folder / "faked.yaml"), device="cpu"))
    return [case.runtime for case in planned.expansion.cases]


def test_a_test_with_a_script_may_plan_made_up_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, tmp_path)
    assert set(planned(tmp_path)) == {"fake"}


@pytest.mark.parametrize("missing", [IN_A_TEST, VARIABLE])
def test_made_up_figures_are_refused_without_a_test_or_a_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    plant(monkeypatch, tmp_path)
    run = new_run(tmp_path / "run", (case(), fake_case(7))).path
    monkeypatch.delenv(missing)
    refused = "runtime fake makes its figures up: it runs in tests alone"
    with pytest.raises(ConfigError, match=refused):
        planned(tmp_path)
    with pytest.raises(ConfigError, match=refused):
        resume_run(run)
    with pytest.raises(ConfigError, match=refused):
        FakeBench.of(job_of())


@pytest.mark.parametrize("missing", [IN_A_TEST, VARIABLE])
def test_a_child_outside_a_test_makes_no_figure_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    plant(monkeypatch, tmp_path, {"fault": "raise"})
    monkeypatch.delenv(missing)
    record, _ = run_job(job_of(), batch_of([job_of()]))
    assert (record.status, record.readings) == (Status.UNSUPPORTED, {})
    assert "runs in tests alone" in record.message


def test_a_real_case_needs_no_script(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(IN_A_TEST)
    assert plan_run(Request(suite="ci", device="cpu")).expansion.cases


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "Invalid JSON"),
        ("[]", "file: Input should be an object"),
        (json.dumps({"rules": [{"fault": "flood"}]}), "rules.0.fault"),
        (json.dumps({"rules": [{"secs": 1}]}), "rules.0.secs"),
        (json.dumps({"rules": [{"seconds": 0}]}), "rules.0.seconds"),
    ],
)
def test_a_script_with_a_mistake_is_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, told: str
) -> None:
    (tmp_path / "script.json").write_text(text)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "script.json"))
    with pytest.raises(ConfigError, match=told):
        find_script()


def test_a_script_that_is_not_there_is_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "absent.json"))
    with pytest.raises(ConfigError, match=r"absent.json: cannot be read: No such file"):
        find_script()
