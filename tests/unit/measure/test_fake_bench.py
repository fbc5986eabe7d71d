"""The scripted instruments: streams of known shape, a clock that only they move."""

import math
from itertools import islice
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from faking import fake_case, plant
from making_runs import preset
from sabench.cases.plan import make_jobs
from sabench.measure.fake_bench import FakeBench, FakeWatch
from sabench.measure.fake_script import ScriptedSpan, Stream
from sabench.measure.fake_streams import stream
from sabench.measure.load import Disturbance

N = 4000


def drawn(kind: Stream, sigma: float = 0.01, seed: str = "a") -> np.ndarray[Any, Any]:
    return np.array(list(islice(stream(kind, 2.0, sigma, seed), N)))


def test_a_constant_stream_is_constant() -> None:
    assert set(drawn("constant")) == {2.0}


def test_white_noise_has_its_mean_and_spread() -> None:
    noise = drawn("white") / 2.0 - 1.0
    assert abs(noise.mean()) < 4 * 0.01 / math.sqrt(N)
    assert noise.std() == pytest.approx(0.01, rel=4 / math.sqrt(2 * N))


def test_a_heavy_tail_keeps_its_median_and_has_far_samples() -> None:
    seconds = drawn("heavy_tailed")
    assert np.median(seconds) == pytest.approx(2.0, rel=1e-3)
    q1, q3 = np.quantile(seconds, [0.25, 0.75])
    # of Pareto's samples (shape 1.5) this share lies beyond q3 + 3 (q3 - q1), by its quantiles
    beyond = (4 * 0.25 ** (-1 / 1.5) - 3 * 0.75 ** (-1 / 1.5)) ** -1.5
    assert np.mean(seconds > q3 + 3 * (q3 - q1)) == pytest.approx(beyond, rel=0.3)


def test_a_drift_gains_a_sigma_in_a_hundred_samples() -> None:
    slope = np.polyfit(np.arange(N), drawn("drifting") / 2.0, 1)[0]
    assert slope == pytest.approx(0.01 / 100, rel=0.01)


def test_two_modes_lie_ten_sigmas_apart() -> None:
    factors = np.sort(drawn("bimodal") / 2.0)
    gaps = np.diff(factors)
    split = int(gaps.argmax()) + 1
    assert 0.45 < split / N < 0.55
    assert factors[split:].mean() - factors[:split].mean() == pytest.approx(0.1, rel=0.02)


def test_neighbours_of_an_ar1_stream_resemble_each_other() -> None:
    noise = drawn("ar1") - drawn("ar1").mean()
    assert (noise[1:] * noise[:-1]).mean() / noise.var() == pytest.approx(0.9, abs=0.02)


@pytest.mark.parametrize("kind", [kind for kind in get_args(Stream) if kind != "constant"])
def test_a_stream_follows_from_its_seed(kind: Stream) -> None:
    assert (drawn(kind) == drawn(kind)).all()
    assert (drawn(kind) != drawn(kind, seed="b")).any()


def bench_of(
    monkeypatch: pytest.MonkeyPatch, folder: Path, *rules: dict[str, Any], replicate: int = 0
) -> FakeBench:
    plant(monkeypatch, folder, *rules)
    jobs = make_jobs([fake_case(7)], ["cpu"], ("latency_warm",), preset(), seed=1)
    return FakeBench.of(next(job for job in jobs if job.replicate == replicate))


def test_the_clock_moves_by_what_the_blocks_take_and_nothing_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = bench_of(monkeypatch, tmp_path, {"seconds": 2e-4})
    called: list[int] = []
    assert bench.timer.once(lambda: called.append(1)) == 2e-4
    assert (bench.clock(), called) == (2e-4, [1])
    bench.timer.calibrate(called.clear, 2e-4)
    blocks = bench.timer.chunk(called.clear, 10)
    assert [(block.seconds, block.calls) for block in blocks] == [(2e-4, 5)] * 10
    assert bench.clock() == pytest.approx(2e-4 * 51)
    assert called == [1]


def test_so_many_blocks_are_disturbed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = bench_of(monkeypatch, tmp_path, {"disturbed": 0.2, "foreign_work": "a neighbour"})
    blocks = bench.timer.chunk(lambda: None, 2000)
    share = sum(block.disturbance is not Disturbance.NONE for block in blocks) / 2000
    assert share == pytest.approx(0.2, abs=4 * math.sqrt(0.2 * 0.8 / 2000))
    assert bench.timer.foreign_work() == "a neighbour"


def test_replicates_differ_and_repeat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = {"stream": "white", "sigma": 0.1}
    first, again, second = (
        bench_of(monkeypatch, tmp_path, rule, replicate=replicate).timer.once(lambda: None)
        for replicate in (0, 0, 1)
    )
    assert first == again != second


def test_a_slower_layer_has_more_macs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = bench_of(monkeypatch, tmp_path, {"seconds": 1.0, "seconds_per_mac": 1e-6})
    macs = 9 * 64 * 64 * 7 * 7  # a 3x3 convolution of 64 channels on a map of 7
    assert bench.timer.once(lambda: None) == pytest.approx(1.0 + 1e-6 * macs)


def test_a_watch_tells_what_overlaps_its_span() -> None:
    watch = FakeWatch(
        (
            ScriptedSpan(start_s=1.0, end_s=2.0, events=frozenset({"a"}), foreign=(4, 2)),
            ScriptedSpan(start_s=1.5, end_s=3.0, events=frozenset({"b"}), sm_clock_mhz=900.0),
        )
    )
    assert watch.between(0.0, 1.0).events == frozenset()
    assert watch.between(0.0, 1.0).isolation == "alone"
    both = watch.between(1.0, 1.6)
    assert (both.events, both.foreign) == (frozenset({"a", "b"}), (2, 4))
    assert (both.sm_clock_mhz, both.readings) == (900.0, 2)
    assert watch.between(2.0, 2.5).events == frozenset({"b"})
