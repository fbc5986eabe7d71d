"""A case explained on a real device: below no floor of its own, its kernels named."""

import pytest
import torch

from making_runs import batch_of
from sabench.cases.plan import make_jobs
from sabench.cases.point import single_case
from sabench.catalog.presets import find_preset
from sabench.launch.explain import explain
from sabench.measure.environment import environment
from sabench.measure.runner import run_job

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


@pytest.mark.parametrize("dtype", ["fp32", "tf32", "bf16"])
def test_a_case_takes_no_less_than_its_floor_and_names_its_kernels(dtype: str) -> None:
    case = single_case("halo", {"channels": 128, "size": 56, "batch": 16, "dtype": dtype})
    found = explain(case, "cuda:0", environment("cuda:0"), find_preset("quick"))
    assert set(found.ceilings) == {"copy", "read", "matmul", "conv", "exp"}
    assert {bound.name for bound in found.bounds} == {"bytes", "macs", "exponentials"}
    assert 0 < found.floor_s < found.seconds
    assert found.ceilings["copy"] > 1e11
    assert found.ceilings["exp"] > found.ceilings["copy"] / 8  # not bound by memory
    assert found.operators
    assert not any(str(one["name"]).startswith("aten::") for one in found.operators)


def test_a_run_has_the_floor_of_every_kind_of_work() -> None:
    case = single_case("halo", {"channels": 128, "size": 56, "batch": 16, "dtype": "bf16"})
    names = ("latency_warm", "floor", "floor_bytes", "floor_macs", "floor_exponentials")
    (job, *_) = make_jobs([case], ["cuda:0"], (), find_preset("quick"), seed=1)
    job = job.model_copy(update={"metrics": names})
    found = run_job(job, batch_of([job], preset=find_preset("quick")))[0].readings
    assert all(found[name].median for name in names)
    assert found["floor"].median == max(found[name].median or 0.0 for name in names[2:])
    assert (found["floor"].median or 0.0) < (found["latency_warm"].median or 0.0)
