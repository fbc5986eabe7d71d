"""A case explained on a real device: below no floor of its own, its kernels named."""

import pytest
import torch

from sabench.cases.point import single_case
from sabench.catalog.presets import find_preset
from sabench.launch.explain import explain
from sabench.measure.environment import environment

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
