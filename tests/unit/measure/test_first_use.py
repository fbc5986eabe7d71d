"""What a process pays once is paid before its first job."""

import subprocess
import sys
from collections.abc import Sequence

import pytest
import torch

from sabench.cases.case import Case
from sabench.cases.plan import Batch, make_jobs
from sabench.catalog.presets import find_preset
from sabench.measure.first_use import warm_process

QUICK = find_preset("quick")


def batch_of(
    device: str = "cpu", metrics: Sequence[str] = ("latency_warm", "params"), **fields: object
) -> Batch:
    case = Case(**({"kind": "layer", "subject": "conv", "channels": 4, "size": 6} | fields))
    return Batch(
        batch_id="b",
        suite="s",
        preset=QUICK,
        environment="e",
        device=device,
        threads=1,
        cores=(),
        memory_limit=0,
        jobs=tuple(make_jobs([case], ["cpu"], metrics, QUICK, seed=1)),
    )


def loaded_for(batch: Batch) -> set[str]:
    """What a process has imported when it is warm."""
    code = (
        "import sys\n"
        "from sabench.cases.plan import Batch\n"
        "from sabench.measure.first_use import warm_process\n"
        "warm_process(Batch.model_validate_json(sys.stdin.read()))\n"
        "print(*sys.modules)\n"
    )
    text = batch.model_dump_json(by_alias=True)
    done = subprocess.run([sys.executable, "-c", code], input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_all_that_the_jobs_name_is_imported() -> None:
    loaded = loaded_for(batch_of())
    assert {"sabench.measure.metrics.latency", "sabench.measure.metrics.counts"} <= loaded
    assert "sabench.measure.runtimes.eager" in loaded
    assert any(name.startswith("sabench.layers.") for name in loaded)


@pytest.mark.slow
def test_what_builds_a_subject_is_there_before_a_job_that_is_timed_alone() -> None:
    assert "sabench.measure.building" in loaded_for(batch_of(metrics=["latency_warm"]))


def test_the_first_calls_on_a_device_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[str] = []
    monkeypatch.setattr(torch.cuda, "synchronize", waited.append)
    warm_process(batch_of(device="meta"))
    assert waited == ["meta"]
    warm_process(batch_of(device="cpu"))
    assert waited == ["meta"]


def test_a_compilers_own_start_is_paid_where_a_job_is_compiled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compiled: list[torch.nn.Module] = []
    monkeypatch.setattr(torch, "compile", lambda module: compiled.append(module) or module)
    warm_process(batch_of(runtime="eager"))
    assert compiled == []
    warm_process(batch_of(runtime="compiled"))
    assert len(compiled) == 1


def test_a_part_that_fails_is_left_to_its_job() -> None:
    warm_process(batch_of(file="nowhere.py:Nothing"))
    warm_process(batch_of(device="xpu:7"))
