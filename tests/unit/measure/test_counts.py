"""Closed form as truth, counters beside it."""

import pytest

from making_runs import batch_of
from sabench.cases.case import Case
from sabench.cases.cost import CaseCost
from sabench.cases.plan import make_jobs
from sabench.catalog.metrics import METRICS
from sabench.catalog.presets import find_preset
from sabench.count import CounterResult, Counts
from sabench.measure.metrics import counts as counting
from sabench.measure.metrics.counts import counts_of, readings
from sabench.measure.runner import run_job
from sabench.records import Flag, Record

COST = CaseCost(params=10, macs=1000, macs_executed=2000, passes=1, bytes=0, workspace_bytes=0)


def counted(macs: int | None, uncounted: dict[str, int] | None = None) -> Counts:
    result = CounterResult("1.0", macs, uncounted or {}, "" if macs is not None else "it failed")
    return Counts(10, 8, result, result, result)


def test_the_closed_form_is_what_stands() -> None:
    found = readings(COST, counted(1234, {"aten.softmax": 1}))
    assert found["macs"].median == 1000
    assert found["macs_executed"].median == 2000
    assert found["flops"].median == 2000
    assert (found["params"].median, found["params_trainable"].median) == (10, 8)
    assert found["macs_fvcore"].median == 1234
    assert found["macs_fvcore"].details["uncounted_ops"] == {"aten.softmax": 1}
    assert found["macs_fvcore"].details["version"] == "1.0"


def test_a_counter_that_missed_nothing_is_held_to_one_percent() -> None:
    assert readings(COST, counted(2020))["macs"].flags == ()
    assert readings(COST, counted(2021))["macs"].flags == (Flag.MACS_MISMATCH,)
    assert readings(COST, counted(2021))["macs_ptflops"].flags == (Flag.MACS_MISMATCH,)
    assert readings(COST, counted(500, {"aten.bmm": 2}))["macs"].flags == ()


def test_a_counter_that_fails_is_a_reason() -> None:
    found = readings(COST, counted(None))
    assert found["macs_flop_counter"].reason == "it failed (version 1.0)"
    assert found["macs"].flags == ()


def test_without_a_closed_form_the_count_is_marked_unverified() -> None:
    found = readings(None, counted(700, {"aten.mul": 3}))
    assert (found["macs"].median, found["flops"].median) == (700, 1400)
    assert found["macs"].flags == (Flag.MACS_UNVERIFIED,)
    assert found["macs"].details["uncounted_ops"] == {"aten.mul": 3}
    assert "it failed" in readings(None, counted(None))["macs"].reason


def test_a_convolution_is_counted_as_the_hand_does() -> None:
    found = counts_of(Case(kind="layer", subject="conv", channels=8, size=10))
    macs = 10 * 10 * 8 * 8 * 9
    assert found["macs"].median == found["macs_flop_counter"].median == macs
    assert found["params"].median == 8 * 8 * 9
    assert found["macs_fvcore"].median == macs


def test_a_big_case_is_counted_without_its_data() -> None:
    """A 224 x 224 map attending to itself: 4 heads of 50176 x 50176 logits, 40 GB."""
    found = counts_of(Case(kind="layer", subject="global_attention", channels=64, size=224))
    assert found["macs_flop_counter"].median == found["macs_executed"].median
    assert found["macs_fvcore"].reason.startswith("needs a module with data")


def test_the_batch_of_a_case_does_not_make_it_big() -> None:
    found = counts_of(Case(kind="layer", subject="conv", channels=8, size=10, batch=100_000))
    assert found["macs_fvcore"].median == 10 * 10 * 8 * 8 * 9


CLOSED_FORM = ("params", "params_trainable", "macs", "macs_executed", "flops")
COUNTERS = ("macs_flop_counter", "macs_fvcore", "macs_ptflops")


def measured(*metrics: str) -> Record:
    case = Case(kind="layer", subject="conv", channels=8, size=10)
    jobs = make_jobs([case], ["cpu"], metrics, find_preset("quick"), seed=1)
    return run_job(jobs[0], batch_of(jobs))[0]


@pytest.fixture
def _no_counter(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a counter was asked")

    monkeypatch.setattr(counting, "count", refuse)
    monkeypatch.setattr(counting, "flop_count", refuse)


@pytest.mark.usefixtures("_no_counter")
def test_the_closed_form_alone_asks_no_counter() -> None:
    record = measured(*CLOSED_FORM)
    macs, params = 10 * 10 * 8 * 8 * 9, 8 * 8 * 9
    found = [record.readings[name].median for name in CLOSED_FORM]
    assert found == [params, params, macs, macs, 2 * macs], record.message


@pytest.mark.parametrize("asked", [("macs", "macs_fvcore"), ("macs_fvcore", "macs")])
def test_a_counter_asked_for_flags_the_closed_form_in_either_order(
    asked: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "count", lambda *_: counted(1))
    monkeypatch.setattr(counting, "_COUNTED", {})
    record = measured(*asked)
    assert record.readings["macs"].flags == (Flag.MACS_MISMATCH,), record.message


def test_only_counts_without_noise_are_exact() -> None:
    ours = {"graph_breaks", "recompiles", "peak_allocated", "operator_calls"}
    exact = {name for name, metric in METRICS.items() if metric.exact}
    assert exact == ours | set(CLOSED_FORM)
    assert not exact & set(COUNTERS)
