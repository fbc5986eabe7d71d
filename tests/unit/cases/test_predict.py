"""Predicted seconds: learnt figures as they are, else a model held against the protocol itself."""

import random

import pytest

from sabench.cases import predict as module
from sabench.cases.case import Case
from sabench.cases.cost import case_cost
from sabench.cases.plan import make_jobs
from sabench.cases.predict import job_seconds, predict, sampling_seconds, warm_up_seconds
from sabench.cases.rates import call_seconds, lessons, rate_key, wall_key
from sabench.catalog.presets import PRESETS
from sabench.known import Known, Lesson, Rate
from sabench.measure.protocol import Protocol
from sabench.measure.timer import Block
from sabench.records import Reading, Record, Status

CONV = Case(kind="layer", subject="conv", channels=64, size=56)
HALO = Case(kind="layer", subject="halo", channels=64, size=56, implementation="blocked")
NET = Case(kind="network", subject="resnet26", resolution=224)
CONV_MACS = 9 * 64 * 64 * 56 * 56
NOTHING = Known(device="cpu:any")
QUICK, STANDARD = PRESETS["quick"], PRESETS["standard"]


def learnt(*walls):
    """A device that knows wall times: (case, preset, apart, seconds)."""
    return NOTHING.learn(
        Lesson(wall_key=wall_key(case.case_id, preset, apart=apart), wall_s=wall_s)
        for case, preset, apart, wall_s in walls
    )


def parity_s(found):
    """A process that holds `blocked` to the reference, and its one job."""
    (job_s,) = found.parity_s.values()
    assert 0.0 < job_s < 1.0
    return module.START_S["cpu"] + job_s


def test_learnt_wall_times_add_up_with_one_process_start(monkeypatch):
    monkeypatch.setattr(module, "START_S", {"cpu": 7.0})
    known = learnt((CONV, "quick", False, 2.0), (HALO, "quick", False, 3.0))
    found = predict([CONV, HALO], QUICK, {"cpu": known}, metrics=["latency_warm"])
    assert found.cases_s == {CONV.case_id: 2.0, HALO.case_id: 3.0}
    assert found.total_s == pytest.approx(7.0 + 2.0 + 3.0 + parity_s(found))


def test_every_process_of_a_preset_counts_and_memory_has_its_own(monkeypatch):
    monkeypatch.setattr(module, "START_S", {"cpu": 7.0})
    known = learnt((CONV, "standard", False, 2.0), (CONV, "standard", True, 0.5))
    metrics = ["latency_warm", "peak_rss_growth"]
    found = predict([CONV], STANDARD, {"cpu": known}, metrics=metrics)
    assert found.cases_s == {CONV.case_id: 5 * 2.0 + 0.5}
    assert found.total_s == 5 * (7.0 + 2.0) + (7.0 + 0.5)


def test_a_process_for_each_case_starts_as_often(monkeypatch):
    monkeypatch.setattr(module, "START_S", {"cpu": 7.0})
    known = learnt((CONV, "quick", False, 2.0), (HALO, "quick", False, 3.0))
    devices = {"cpu": known}
    found = predict([CONV, HALO], QUICK, devices, metrics=["latency_warm"], isolation="case")
    assert found.total_s == pytest.approx(2 * 7.0 + 2.0 + 3.0 + parity_s(found))


def test_every_device_measures_every_case():
    known = learnt((CONV, "quick", False, 2.0))
    other = known.model_copy(update={"device": "cuda:other"})
    found = predict([CONV], QUICK, {"cpu": known, "cuda:0": other}, metrics=["latency_warm"])
    assert found.cases_s == {CONV.case_id: 4.0}


def test_a_call_takes_what_a_learnt_rate_says():
    cost = case_cost(CONV)
    rate = Rate(macs_per_s=CONV_MACS / 0.25, bytes_per_s=cost.bytes / 0.25)
    known = NOTHING.learn([Lesson(rate_key=rate_key(CONV), rate=rate, wall_key="x", wall_s=1.0)])
    assert call_seconds(CONV, cost, known) == pytest.approx(0.25)
    other_dtype = CONV.model_copy(update={"dtype": "bf16"})
    assert call_seconds(other_dtype, case_cost(other_dtype), known) != pytest.approx(0.25)


def test_a_backward_pass_and_a_batch_take_longer():
    for case in (CONV, HALO, NET):
        forward = call_seconds(case, case_cost(case), NOTHING)
        for key, value in (("mode", "forward_backward"), ("batch", 4)):
            larger = case.model_copy(update={key: value})
            assert call_seconds(larger, case_cost(larger), NOTHING) > 2 * forward


def test_a_case_never_takes_longer_than_its_deadline():
    huge = NET.model_copy(update={"batch": 4096})
    (job,) = make_jobs([huge], ["cpu"], ["latency_warm"], QUICK, seed=0)
    assert job_seconds(job, case_cost(huge), QUICK, NOTHING) == QUICK.deadline_s


def test_a_layer_without_a_closed_form_gets_a_guess():
    own = Case(kind="layer", subject="Mine", channels=64, size=56, file="/m.py:Mine")
    found = predict([own], QUICK, {"cpu": NOTHING}, metrics=["latency_warm"])
    assert 0.3 < found.total_s < 30


def test_every_layer_network_mode_and_device_has_a_prediction():
    cases = [
        case.model_copy(update={"mode": mode, "runtime": runtime})
        for case in (CONV, HALO, NET)
        for mode in ("forward", "forward_backward", "step")
        for runtime in ("eager", "compiled")
    ]
    devices = {"cpu": NOTHING, "cuda:0": Known(device="cuda:any")}
    found = predict(cases, STANDARD, devices, metrics=["latency_warm", "macs"])
    assert len(found.cases_s) == len(cases)
    assert all(seconds > 0 for seconds in found.cases_s.values())


class ScriptedTimer:
    """A machine whose calls take `call_s` with a relative spread, on a clock of its own."""

    def __init__(self, call_s, spread, seed):
        self.call_s, self.spread, self.now = call_s, spread, 0.0
        self.block_s = max(1.1e-3, call_s)
        self.random = random.Random(seed)
        self.flags, self.details = (), {}

    def foreign_work(self) -> str:
        return ""

    def once(self, call):
        self.now += self.call_s
        return self.call_s

    def calibrate(self, call, estimate_s):
        pass

    def chunk(self, call, count):
        blocks = []
        for _ in range(count):
            factor = self.random.lognormvariate(0.0, self.spread)
            self.now += self.block_s * factor
            blocks.append(Block(self.call_s * factor, 1))
        return blocks


CALLS_S = (20e-6, 200e-6, 2e-3, 20e-3, 0.2, 1.5)


@pytest.mark.parametrize("name", ["quick", "standard"])
@pytest.mark.parametrize("spread", [0.01, 0.03, 0.06])
def test_the_model_is_within_a_factor_of_two_of_the_protocol_in_all(name, spread):
    preset, predicted, taken = PRESETS[name], 0.0, 0.0
    for seed, call_s in enumerate(CALLS_S):
        timer = ScriptedTimer(call_s, spread, seed)
        protocol = Protocol(preset, timer, started_s=0.0, clock=lambda timer=timer: timer.now)
        protocol.measure(lambda: None)
        taken += timer.now
        predicted += warm_up_seconds(call_s, preset) + sampling_seconds(call_s, preset)
    assert taken / 2 < predicted < 2 * taken


@pytest.mark.parametrize(
    ("call_s", "seconds"),
    [
        (1.0, 10.0),  # ten samples, whatever the budget
        (0.1, 1.0),  # ten samples, and the budget allows no more
        (1e-6, 0.1),  # sampling lasts a tenth of a second at least
    ],
)
def test_sampling_at_quick_lasts_ten_samples_and_at_most_a_second(call_s, seconds):
    assert sampling_seconds(call_s, QUICK) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("call_s", "seconds"),
    [
        (1e-6, 0.3),  # the least time, and what settling takes
        (1.0, 3.0),  # three windows of one call: the limit of 2 s ends with the third
    ],
)
def test_warming_up_at_quick_ends_between_the_least_time_and_the_limit(call_s, seconds):
    assert warm_up_seconds(call_s, QUICK) == pytest.approx(seconds)


def record(case, readings, status=Status.OK, wall_s=2.5):
    return Record(
        job_id="j",
        case_id=case.case_id,
        device="cpu",
        environment="e",
        suite="s",
        preset="quick",
        replicate=0,
        status=status,
        readings=readings,
        started_utc="2026-01-01T00:00:00Z",
        wall_s=wall_s,
    )


def test_a_record_teaches_its_rates_and_its_wall_time():
    done = record(CONV, {"latency_warm": Reading.of("s", [0.001] * 10)})
    (lesson,) = lessons([CONV], [done])
    assert lesson.rate_key == "conv/reference/eager/fp32/forward/1"
    assert lesson.rate.macs_per_s == pytest.approx(CONV_MACS / 0.001)
    assert lesson.wall_key == f"{CONV.case_id}|quick|main"
    assert lesson.wall_s == 2.5


def test_a_job_apart_teaches_its_wall_time_only():
    done = record(CONV, {"peak_rss_growth": Reading.of("B", [1e6])})
    (lesson,) = lessons([CONV], [done])
    assert lesson.rate is None
    assert lesson.wall_key == f"{CONV.case_id}|quick|apart"


@pytest.mark.parametrize("status", [Status.CONTENDED, Status.TIMEOUT, Status.ERROR])
def test_a_disturbed_or_failed_record_teaches_nothing(status):
    assert list(lessons([CONV], [record(CONV, {}, status)])) == []


def test_a_record_of_another_suite_teaches_nothing():
    assert list(lessons([HALO], [record(CONV, {})])) == []


def test_a_run_predicts_the_next_one_exactly(monkeypatch):
    monkeypatch.setattr(module, "START_S", {"cpu": 0.0})
    records = [record(CONV, {"latency_warm": Reading.of("s", [0.001] * 10)}, wall_s=4.0)]
    known = NOTHING.learn(lessons([CONV], records))
    assert predict([CONV], QUICK, {"cpu": known}, metrics=["latency_warm"]).total_s == 4.0
