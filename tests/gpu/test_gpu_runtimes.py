"""Runtimes and ways of timing on a real device: graphs, the compiler, a cold cache."""

from pathlib import Path

import pytest
import torch
from on_gpu import DEVICE, MARKS

from making_runs import batch_of, case
from sabench.cases.case import Case
from sabench.cases.plan import make_jobs
from sabench.catalog.presets import find_preset
from sabench.measure.building import build_subject
from sabench.measure.execution import Execution
from sabench.measure.runner import run_job
from sabench.measure.runtimes import cudagraph, eager, folded
from sabench.records import SHOWN, Flag, Record

pytestmark = MARKS

SYNCHRONISES = """
from torch import Tensor, nn


class Synchronises(nn.Module):
    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return x * x.sum().item()
"""


def record_of(*metrics: str, **axes: object) -> Record:
    preset = find_preset("quick")
    jobs = make_jobs([case(**{"size": 56} | axes)], [DEVICE], metrics, preset, seed=1)
    return run_job(jobs[0], batch_of(jobs, preset=preset))[0]


def median_of(record: Record, name: str) -> float:
    found = record.readings[name].median
    assert found is not None, record.readings[name].reason
    return found


@pytest.mark.parametrize("mode", ["forward", "forward_backward", "step"])
@pytest.mark.parametrize("runtime", ["eager", "compiled", "cudagraph"])
def test_every_runtime_has_a_time_in_every_mode(runtime: str, mode: str) -> None:
    record = record_of("latency_warm", "recompiles", runtime=runtime, mode=mode, batch=8)
    assert record.status in SHOWN, record.message
    assert median_of(record, "latency_warm") > 0
    assert Flag.RECOMPILED not in record.readings["latency_warm"].flags


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_folded_norms_give_what_the_eager_network_gives(dtype: str) -> None:
    one = Case(kind="network", subject="resnet26", resolution=64, dtype=dtype)
    job = make_jobs([one], [DEVICE], ["latency_warm"], find_preset("quick"), seed=1)[0]
    subject = build_subject(job)
    outs = []
    for prepare in (eager.prepare, folded.prepare):
        execution = prepare(subject)
        with execution.context():
            outs.append(execution.call())
    torch.testing.assert_close(*outs, rtol=0.05 if dtype == "bf16" else 1e-3, atol=1e-2)


@pytest.mark.parametrize("mode", ["forward", "forward_backward"])
def test_a_replay_gives_what_the_eager_call_gives(mode: str) -> None:
    preset = find_preset("quick")
    jobs = make_jobs([case(mode=mode, size=14)], [DEVICE], ["latency_warm"], preset, seed=1)
    outs, gradients = [], []
    for prepare in (eager.prepare, cudagraph.prepare):
        subject = build_subject(jobs[0])
        execution: Execution = prepare(subject)
        with execution.context():
            outs.append(execution.call().clone())
        gradients.append([one.grad for one in subject.module.parameters()])
    torch.testing.assert_close(outs[1], outs[0])
    torch.testing.assert_close(gradients[1], gradients[0])


def test_a_small_call_is_host_bound_and_its_graph_stands_beside_it() -> None:
    record = record_of("latency_warm", channels=8, size=7)
    assert Flag.HOST_BOUND in record.readings["latency_warm"].flags
    assert median_of(record, "latency_graph") <= 1.1 * median_of(record, "latency_warm")


def test_a_call_that_waits_for_the_device_is_in_no_graph(tmp_path: Path) -> None:
    file = tmp_path / "waits.py"
    file.write_text(SYNCHRONISES)
    record = record_of("latency_graph", subject="Synchronises", file=f"{file}:Synchronises")
    assert record.readings["latency_graph"].flags == (Flag.GRAPH_UNSUPPORTED,)
    record = record_of(
        "latency_warm", subject="Synchronises", file=f"{file}:Synchronises", runtime="cudagraph"
    )
    assert record.status.value == "unsupported"


def test_a_cold_call_is_no_faster_than_a_warm_one() -> None:
    record = record_of("latency_warm", "latency_cold", channels=256, size=28)
    assert median_of(record, "latency_cold") >= 0.98 * median_of(record, "latency_warm")
    assert Flag.COLD_UNPROVED not in record.readings["latency_cold"].flags
