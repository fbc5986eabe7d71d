"""The CUDA path on a real device."""

import pytest
import torch

from making_runs import batch_of
from sabench.cases.case import Case
from sabench.cases.plan import make_jobs
from sabench.catalog.metrics import METRICS
from sabench.catalog.presets import find_preset
from sabench.measure.cuda_timer import CYCLES_PER_S, CudaTimer
from sabench.measure.device_facts import device_facts
from sabench.measure.gpus import resolve_devices
from sabench.measure.runner import run_job
from sabench.records import SHOWN, Record

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


def record_of(**axes: object) -> Record:
    case = Case(**({"kind": "layer", "subject": "conv", "channels": 64, "size": 56} | axes))
    preset = find_preset("quick")
    names = [name for name, metric in METRICS.items() if not metric.apart]
    jobs = make_jobs([case], ["cuda:0"], names, preset, seed=1)
    return run_job(jobs[0], batch_of(jobs, preset=preset))[0]


@pytest.mark.parametrize("dtype", ["fp32", "tf32", "bf16", "fp16"])
@pytest.mark.parametrize("mode", ["forward", "forward_backward", "step"])
def test_a_convolution_has_time_and_memory(dtype: str, mode: str) -> None:
    record = record_of(dtype=dtype, mode=mode, batch=8)
    assert record.status in SHOWN, record.message
    for name in ("latency_warm", "peak_allocated", "peak_reserved"):
        assert (record.readings[name].median or 0) > 0, name


def test_the_peak_of_a_forward_pass_holds_the_output() -> None:
    record = record_of(batch=32)
    assert (record.readings["peak_allocated"].median or 0) >= 32 * 64 * 56 * 56 * 4


def test_twice_the_cycles_take_twice_the_time() -> None:
    timer = CudaTimer(torch.cuda, "cuda:0")

    def median(cycles: int) -> float:
        def call() -> None:
            torch.cuda._sleep(cycles)

        timer.calibrate(call, 1e-3)
        return sorted(block.seconds for block in timer.chunk(call, 21))[10]

    once, twice = median(int(1e-3 * CYCLES_PER_S)), median(int(2e-3 * CYCLES_PER_S))
    assert twice / once == pytest.approx(2.0, rel=0.02)


def test_the_device_is_found_and_described() -> None:
    assert resolve_devices("auto") == ["cuda:0"]
    assert device_facts("cuda:0").name == torch.cuda.get_device_name(0)


def test_more_memory_than_the_device_has_is_an_oom_with_bytes() -> None:
    record = record_of(batch=1_000_000, size=112)
    assert record.status.value == "oom"
    assert record.details["total_bytes"]
