"""Subjects, their calls in each mode, and the readings taken of them."""

import mmap
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from sabench.cases.case import Case
from sabench.cases.plan import Job, make_jobs
from sabench.catalog.presets import find_preset
from sabench.catalog.runtimes import RUNTIMES
from sabench.errors import ConfigError, MeasurementError
from sabench.measure.building import build_subject, input_shape, load_class, set_tf32
from sabench.measure.calls import is_finite
from sabench.measure.metrics import memory, resident
from sabench.measure.metrics.memory import peak_of
from sabench.measure.resident_memory import reset_peak, resident_memory

STRANGERS = Path(__file__).parents[2] / "fixtures" / "layers" / "strangers.py"


def job(**axes: Any) -> Job:
    case = Case(**({"kind": "layer", "subject": "conv", "channels": 4, "size": 6} | axes))
    return make_jobs([case], ["cpu"], ["latency_warm"], find_preset("quick"), seed=5)[0]


def execution(**axes: Any) -> tuple[Any, Any]:
    subject = build_subject(job(**axes))
    return subject, RUNTIMES["eager"].load()(subject)


def test_the_same_seed_gives_the_same_weights_and_input() -> None:
    one, two = build_subject(job()), build_subject(job())
    assert torch.equal(one.x, two.x)
    assert all(map(torch.equal, one.module.parameters(), two.module.parameters()))


def test_inputs_are_uniform_in_minus_one_to_one() -> None:
    x = build_subject(job(channels=64, size=32)).x
    assert x.shape == (1, 64, 32, 32)
    assert -1 <= x.min() < -0.99
    assert 0.99 < x.max() <= 1
    assert abs(x.mean()) < 0.01


def test_a_network_takes_images_and_a_layer_maps() -> None:
    network = Case(kind="network", subject="resnet26", resolution=32, batch=2)
    assert input_shape(network) == (2, 3, 32, 32)
    assert input_shape(job(batch=3).case) == (3, 4, 6, 6)


def test_a_network_is_built_and_runs() -> None:
    _, ready = execution(kind="network", subject="resnet26", resolution=32, options={"classes": 7})
    with ready.context():
        assert ready.call().shape == (1, 7)


def test_dtype_and_layout_reach_weights_and_input() -> None:
    subject, ready = execution(dtype="bf16", layout="channels_last")
    assert subject.x.is_contiguous(memory_format=torch.channels_last)
    assert {one.dtype for one in (subject.x, *subject.module.parameters())} == {torch.bfloat16}
    with ready.context():
        assert ready.call().dtype is torch.bfloat16


def test_autocast_leaves_the_weights_and_changes_the_product() -> None:
    subject, ready = execution(autocast="bf16")
    assert {one.dtype for one in subject.module.parameters()} == {torch.float32}
    with ready.context():
        assert ready.call().dtype is torch.bfloat16


def test_forward_keeps_no_graph_and_evaluates() -> None:
    subject, ready = execution()
    with ready.context():
        assert ready.call().is_inference()
    assert not subject.module.training


def test_forward_backward_gives_every_gradient_anew_at_each_call() -> None:
    subject, ready = execution(mode="forward_backward")
    ready.call()
    first = [one.grad.clone() for one in (subject.x, *subject.module.parameters())]
    ready.call()
    second = [one.grad for one in (subject.x, *subject.module.parameters())]
    assert subject.module.training
    assert all(grad.abs().sum() > 0 for grad in first)
    assert all(map(torch.equal, first, second))  # set anew, not added up


def test_a_step_moves_the_weights() -> None:
    subject, ready = execution(mode="step")
    before = [one.detach().clone() for one in subject.module.parameters()]
    ready.call()
    assert not all(map(torch.equal, before, subject.module.parameters()))


def test_not_finite_is_seen_in_output_and_gradients() -> None:
    subject, ready = execution(mode="forward_backward")
    out = ready.call()
    assert is_finite(subject, out)
    assert not is_finite(subject, out * float("inf"))
    next(subject.module.parameters()).grad[0] = float("nan")
    assert not is_finite(subject, out)


def test_tf32_off_cuda_is_refused() -> None:
    with pytest.raises(ConfigError, match="tf32 needs a CUDA device"):
        build_subject(job(dtype="tf32"))


def test_tf32_is_on_for_the_cuda_case_that_asks_for_it_and_off_for_the_next() -> None:
    switches = (torch.backends.cuda.matmul, torch.backends.cudnn)
    for dtype, wanted in (("tf32", True), ("fp32", False)):
        set_tf32(job(dtype=dtype).case, torch.device("cuda:1"))
        assert [switch.allow_tf32 for switch in switches] == [wanted, wanted]


def test_an_implementation_of_another_device_is_refused() -> None:
    with pytest.raises(ConfigError, match="implementation=triton needs cuda, not cpu"):
        build_subject(job(subject="halo", implementation="triton", options={"block": 2, "halo": 1}))


def stranger(name: str, **axes: Any) -> Job:
    return job(subject=name.lower(), file=f"{STRANGERS}:{name}", **axes)


def test_a_strangers_layer_gets_what_its_constructor_takes() -> None:
    plain = build_subject(stranger("Doubling"))
    assert plain.module(plain.x).shape == (1, 4, 6, 6)
    strided = build_subject(stranger("Strided", stride=2, options={"window": 5}))
    assert strided.module.size == (6, 6)
    assert strided.module(strided.x).shape == (1, 4, 3, 3)


def test_what_a_strangers_layer_does_not_take_is_said() -> None:
    with pytest.raises(MeasurementError, match="takes no window"):
        build_subject(stranger("Doubling", options={"window": 3}))
    with pytest.raises(ConfigError, match="takes no stride"):
        build_subject(stranger("Doubling", stride=2))


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("absent.py:Layer", "there is no file 'absent.py'"),
        (f"{STRANGERS}:Nobody", "has no class 'Nobody'"),
        (f"{STRANGERS}:NOT_A_CLASS", "has no class 'NOT_A_CLASS'"),
        (str(STRANGERS), "there is no file"),
    ],
)
def test_a_file_without_the_class_is_one_line(file: str, said: str) -> None:
    with pytest.raises(MeasurementError, match=said):
        load_class(file)


def test_the_peak_is_the_highest_level_on_the_way() -> None:
    assert peak_of([5, 7, -5, 4, -11]) == 12
    assert peak_of([]) == 0
    assert peak_of([-3, 2]) == 0


def test_cpu_peak_is_the_bytes_of_what_is_alive_at_once() -> None:
    class TwoCopies(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (x + x) * x

    subject, _ = execution(channels=16, size=32)
    subject = replace(subject, module=TwoCopies())
    ready = RUNTIMES["eager"].load()(subject)
    with ready.context():
        found = memory.measure(subject, ready, None)  # type: ignore[arg-type]
    assert found["peak_allocated"].median == 2 * 16 * 32 * 32 * 4
    assert found["peak_reserved"].reason
    assert found["process_memory"].reason


def test_resident_growth_sees_what_a_call_touches() -> None:
    megabytes = 64

    class Touches(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            with mmap.mmap(-1, megabytes * 2**20) as pages:  # never reused, unlike a heap's
                for offset in range(0, len(pages), mmap.PAGESIZE):
                    pages[offset] = 1
            return x

    subject, _ = execution()
    subject = replace(subject, module=Touches())
    ready = RUNTIMES["eager"].load()(subject)
    ready.growth_start = reset_peak()
    if ready.growth_start is None or not ready.growth_start.was_reset:
        pytest.skip("this kernel does not reset the peak of resident memory")
    with ready.context():
        ready.call()
        ready.first_peak = resident_memory()
        (reading,) = resident.measure(subject, ready, None).values()  # type: ignore[arg-type]
    assert reading.median is not None
    # the kernel counts pages in batches, and a few were there already
    assert 0.95 * megabytes <= reading.median / 2**20 <= 1.25 * megabytes
    assert reading.unit == "B"
