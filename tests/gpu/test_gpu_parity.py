"""Each implementation against the reference on a real device, in every precision it offers."""

import pytest
import torch

from layer_variants import OURS
from sabench.cases.case import Autocast, Case, Dtype, Mode
from sabench.cases.plan import Job, parity_jobs
from sabench.measure.parity import compare
from sabench.records import Status

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


OTHERS = [name for name in OURS if name != "reference"]
each_other = pytest.mark.parametrize("implementation", OTHERS)


def job(
    implementation: str,
    subject: str,
    dtype: Dtype,
    mode: Mode,
    autocast: Autocast = "none",
    **options: bool | str,
) -> Job:
    case = Case(
        kind="layer", subject=subject, channels=64, size=28, implementation=implementation,
        dtype=dtype, mode=mode, autocast=autocast, options=options,
    )  # fmt: skip
    (only,) = parity_jobs([case], ["cuda:0"], seed=1)
    return only


@pytest.mark.parametrize("mode", ["forward", "forward_backward"])
@pytest.mark.parametrize("dtype", ["fp32", "tf32", "bf16", "fp16"])
@pytest.mark.parametrize("subject", ["self_attention", "augmented", "halo", "global_attention"])
@each_other
def test_it_equals_the_reference(
    implementation: str, subject: str, dtype: Dtype, mode: Mode
) -> None:
    outcome = compare(job(implementation, subject, dtype, mode))
    assert outcome.status is Status.OK, outcome.message


@pytest.mark.parametrize("dtype", ["fp32", "bf16", "fp16"])
@each_other
def test_without_keys_and_without_position_logits_it_equals_the_reference(
    implementation: str, dtype: Dtype
) -> None:
    for each in (
        job(implementation, "self_attention", dtype, "forward_backward", content=False),
        job(implementation, "self_attention", dtype, "forward_backward", position="none"),
        job(implementation, "halo", dtype, "forward_backward", position="absolute"),
        job(implementation, "augmented", dtype, "forward_backward", position="sine"),
    ):
        outcome = compare(each)
        assert outcome.status is Status.OK, outcome.message


@pytest.mark.parametrize("autocast", ["bf16", "fp16"])
@each_other
def test_autocast_equals_the_reference(implementation: str, autocast: Autocast) -> None:
    outcome = compare(job(implementation, "halo", "fp32", "forward_backward", autocast))
    assert outcome.status is Status.OK, outcome.message
