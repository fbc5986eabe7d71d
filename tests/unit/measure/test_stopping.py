"""The stop rule on streams whose median is known."""

import numpy as np
import pytest

from sabench.catalog.presets import Preset, find_preset
from sabench.measure.stopping import (
    Progress,
    Stop,
    clearly_exceeds,
    half_width,
    medians_agree,
    should_stop,
    still_drifts,
)
from sabench.stats import median_interval

QUICK = find_preset("quick")
STANDARD = find_preset("standard")


def run(stream: np.ndarray, preset: Preset, *, block_s: float = 1e-3) -> tuple[Stop, int]:
    """Feed a stream until the rule ends it."""
    for n in range(1, len(stream) + 1):
        progress = Progress(stream[:n], 0, n * block_s, deadline_s=1e9)
        stop = should_stop(progress, preset)
        if stop:
            return stop, n
    raise AssertionError("the stream ended first")


def test_a_constant_stream_ends_at_the_least_number_of_samples() -> None:
    assert run(np.full(3000, 2.5), QUICK) == (Stop.PRECISE, QUICK.samples_min)
    assert run(np.full(3000, 2.5), STANDARD) == (Stop.PRECISE, STANDARD.samples_min)
    assert half_width([2.5] * 20, 0.95) == 0.0


@pytest.mark.parametrize("preset", [QUICK, STANDARD], ids=lambda preset: preset.name)
def test_every_stream_ends_within_the_most_samples(preset: Preset) -> None:
    random = np.random.default_rng(3)
    drift = np.linspace(1, 2, 3000)
    bimodal = 1 + (random.random(3000) < 0.5)
    heavy = random.pareto(1.2, 3000) + 1
    for stream in (drift, bimodal, heavy):
        assert run(stream, preset)[1] <= preset.samples_max


@pytest.mark.parametrize("kind", ["normal", "heavy tail"])
@pytest.mark.slow
def test_the_interval_at_the_stop_covers_the_true_median(kind: str) -> None:
    random, covered, trials = np.random.default_rng(7), 0, 600
    for _ in range(trials):
        if kind == "normal":
            stream, median = random.normal(1.0, 0.05, 2000), 1.0
        else:
            stream, median = 1 + 0.02 * random.pareto(1.5, 2000), 1 + 0.02 * (2 ** (1 / 1.5) - 1)
        _, n = run(stream, STANDARD)
        interval = median_interval(stream[:n])
        assert interval is not None
        covered += interval.low <= median <= interval.high
    assert covered / trials >= 0.93


def test_a_stream_that_no_longer_narrows_is_left() -> None:
    stop, n = run(np.linspace(1, 31, 3000), STANDARD)  # a ramp's interval only grows
    assert stop is Stop.SETTLED
    assert n < STANDARD.samples_max


def test_the_budget_ends_a_noisy_stream() -> None:
    noise = 1 + np.random.default_rng(2).random(3000)
    assert run(noise, QUICK, block_s=0.02) == (Stop.BUDGET, 50)


def test_ten_samples_are_taken_whatever_the_budget() -> None:
    noise = 1 + np.random.default_rng(2).random(3000)
    assert run(noise, QUICK, block_s=2.0) == (Stop.BUDGET, 10)


def test_the_deadline_ends_even_before_ten_samples() -> None:
    assert should_stop(Progress([1.0], 0, 50.0, deadline_s=48.0), QUICK) is Stop.DEADLINE


def test_more_than_half_rejected_within_the_budget_is_contention() -> None:
    few, spent = [1.0] * 9, QUICK.budget_s
    assert should_stop(Progress(few, 11, spent, 1e9), QUICK) is Stop.CONTENDED
    assert should_stop(Progress(few, 11, 0.9 * spent, 1e9), QUICK) is None
    assert should_stop(Progress(few, 9, spent, 1e9), QUICK) is None


def test_windows_within_one_percent_have_settled() -> None:
    def windows(*medians: float) -> list[list[float]]:
        return [[0.999 * m, m, 1.001 * m] for m in medians]

    assert medians_agree(windows(2.0, 1.009, 1.0, 1.004))
    assert not medians_agree(windows(1.02, 1.0, 1.0))
    assert not medians_agree(windows(1.0, 1.0))
    assert still_drifts(windows(1.1, 1.05, 1.0))
    assert not still_drifts(windows(1.0, 1.0, 1.0))


def test_noise_wider_than_the_drift_is_no_drift() -> None:
    wide = [[0.8, 1.0, 1.2], [0.82, 1.03, 1.2], [0.8, 1.05, 1.25]]
    assert not still_drifts(wide)


def test_windows_of_a_long_call_alone_show_a_drift_only_above_their_noise() -> None:
    assert not still_drifts([[1.0], [1.0], [1.015]])
    assert not still_drifts([[1.015], [1.0], [1.0]])
    assert still_drifts([[1.1], [1.05], [1.0]])
    assert still_drifts([[1.0] * 20, [1.0] * 20, [1.015] * 20])


def test_one_rejected_block_in_ten_does_not_show_five_percent() -> None:
    # P(X >= 2 | n=10, p=0.05) = 0.0861, P(X >= 3) = 0.0115
    assert not clearly_exceeds(0, 10, 0.05)
    assert not clearly_exceeds(2, 10, 0.05)
    assert clearly_exceeds(3, 10, 0.05)
    assert clearly_exceeds(80, 1000, 0.05)
    assert not clearly_exceeds(50, 1000, 0.05)
    assert clearly_exceeds(6000, 10_000, 0.05)
