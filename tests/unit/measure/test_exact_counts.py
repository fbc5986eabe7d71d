"""Counts without noise: the same figures from a module that is built again; others from others."""

import pytest

from making_runs import batch_of, preset
from sabench.cases.case import Case
from sabench.cases.plan import make_jobs
from sabench.catalog.metrics import METRICS
from sabench.measure.runner import run_job

COUNTS = tuple(name for name, metric in METRICS.items() if metric.exact)


def counted(**fields: object) -> dict[str, tuple[float, ...]]:
    case = Case(**{"kind": "layer", "channels": 64, "size": 14} | fields)  # type: ignore[arg-type]
    job = make_jobs([case], ["cpu"], COUNTS, preset(), seed=1)[0]
    record = run_job(job, batch_of([job]))[0]
    assert set(record.readings) == set(COUNTS), record.message
    return {name: reading.samples for name, reading in record.readings.items()}


@pytest.mark.parametrize("mode", ["forward", "forward_backward", "step"])
@pytest.mark.parametrize("layer", ["conv", "halo", "self_attention", "augmented"])
def test_a_module_built_again_gives_the_same_counts(layer: str, mode: str) -> None:
    first = counted(subject=layer, mode=mode)
    assert counted(subject=layer, mode=mode) == first
    assert first["operator_calls"]
    assert first["peak_allocated"]


def test_another_way_to_compute_the_same_shows_in_the_counts() -> None:
    reference, blocked = (
        counted(subject="halo", size=28, implementation=one) for one in ("reference", "blocked")
    )
    assert reference["macs"] == blocked["macs"]
    for name in ("macs_executed", "operator_calls", "peak_allocated"):
        assert reference[name] != blocked[name], name


def test_a_backward_pass_shows_in_the_counts() -> None:
    forward, both = (counted(subject="conv", mode=mode) for mode in ("forward", "forward_backward"))
    assert forward["params"] == both["params"]
    assert both["operator_calls"] > forward["operator_calls"]
    assert both["peak_allocated"] > forward["peak_allocated"]
