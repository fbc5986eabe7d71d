"""Our Triton kernels on a real device: output and gradients in every geometry and runtime."""

import pytest
import torch
from on_gpu import DEVICE, MARKS
from torch import Tensor

from attention_problems import BAND, CASES, GLOBAL, Problem, assert_near
from making_runs import case
from sabench.cases.plan import make_jobs
from sabench.catalog.presets import find_preset
from sabench.layers.kernels import reference, triton
from sabench.measure.building import build_subject
from sabench.measure.runtimes import compiled, cudagraph, eager

pytestmark = MARKS

ALLOWED = {torch.float32: 1e-4, torch.bfloat16: 1e-2, torch.float16: 1e-2}
MANY_TILES = {
    "a stage of HaloNet": ((56, 56), (8, 8), 3, 1, "mask", "sum", (16, 16)),
    "blocks that do not divide": ((30, 27), (8, 8), 3, 1, "zeros", "sum", (16, 16)),
    "window 7": ((28, 30), BAND, 3, 1, "mask", "split", (32, 32)),
    "wide heads": ((14, 14), (7, 7), 3, 1, "zeros", "sum", (128, 128)),
    "strided": ((28, 28), (8, 8), 3, 2, "mask", "sum", (64, 64)),
    "the whole map": ((14, 14), GLOBAL, 0, 1, "mask", "sum", (64, 64)),
}
PROBLEMS = CASES | MANY_TILES


@pytest.fixture(autouse=True)
def _searched_for_itself(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Without TF32; what a test finds is the fastest on its small maps is kept for nobody."""
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", False)
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "triton"))


@pytest.mark.parametrize("dtype", ALLOWED, ids=str)
@pytest.mark.parametrize("name", PROBLEMS)
def test_output_and_every_gradient_equal_the_reference(name: str, dtype: torch.dtype) -> None:
    problem = Problem(*PROBLEMS[name], dtype=dtype, device=DEVICE)
    with torch.no_grad():  # logits as large as trained layers have them
        problem.made[0] *= problem.made[0].shape[-1] ** -0.5
    exact = problem.answers(reference.attend, torch.float64)
    assert_near(problem.answers(triton.attend), exact, ALLOWED[dtype])


@pytest.mark.filterwarnings("ignore:TensorFloat32")  # the compiler would have it on
@pytest.mark.parametrize("mode", ["forward", "forward_backward"])
@pytest.mark.parametrize("subject", ["halo", "self_attention", "global_attention"])
def test_compiled_and_graphed_agree_with_eager(subject: str, mode: str) -> None:
    preset = find_preset("quick")
    one = case(subject, size=28, implementation="triton", mode=mode)
    (job, *_) = make_jobs([one], [DEVICE], ["latency_warm"], preset, seed=1)
    found: list[list[Tensor | None]] = []
    for runtime in (eager, compiled, cudagraph):
        subject_ = build_subject(job)
        execution = runtime.prepare(subject_)
        with execution.context():
            out = execution.call().clone()
        found.append([out, *(each.grad for each in subject_.module.parameters())])
    for other in found[1:]:
        torch.testing.assert_close(other, found[0], rtol=1e-3, atol=1e-3)
