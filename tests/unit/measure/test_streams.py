"""The shape of a stream: outliers, modes, drifts, resemblance; each against its definition."""

import itertools

import numpy as np
import pytest

from sabench.measure.streams import Outliers, drifts, is_bimodal
from sabench.stats import effective_count

ORDINARY = [float(value) for value in range(1, 102)]  # quartiles 26 and 76, deviation 25


def best_split(samples: list[float]) -> tuple[float, float]:
    """Brute force: the share of variance explained by the best split, and its smaller group's."""
    ordered, found = sorted(samples), []
    total = np.var(ordered) * len(ordered)
    for size in range(1, len(ordered)):
        parts = ordered[:size], ordered[size:]
        within = sum(np.var(part) * len(part) for part in parts)
        found.append((1 - within / total, min(size, len(ordered) - size) / len(ordered)))
    return max(found)


def test_outliers_are_counted_by_how_far_out_they_lie() -> None:
    # mild beyond 26 - 75 and 76 + 75, severe beyond 26 - 150 and 76 + 150, far beyond 51 +- 370
    assert Outliers.of(ORDINARY) == Outliers(0, 0, 0, first_is_slow=False)
    found = Outliers.of([*ORDINARY, 5000.0, -5000.0])
    assert (found.mild, found.severe, found.far) == (0, 2, 2)
    found = Outliers.of([*ORDINARY, 200.0, -60.0])
    assert (found.mild, found.severe, found.far) == (2, 0, 0)


def test_a_first_sample_that_is_far_slower_is_told() -> None:
    assert Outliers.of([300.0, *ORDINARY]).first_is_slow
    assert not Outliers.of([*ORDINARY, 300.0]).first_is_slow
    assert not Outliers.of([-300.0, *ORDINARY]).first_is_slow  # fast, not slow


def test_constant_samples_have_no_outliers() -> None:
    assert Outliers.of([1.0] * 10) == Outliers(0, 0, 0, first_is_slow=False)
    assert Outliers.of([1.0]) == Outliers(0, 0, 0, first_is_slow=False)


@pytest.mark.parametrize("share", [0.5, 0.2, 0.16, 0.14, 0.05])
@pytest.mark.parametrize("gap", [2.0, 4.0, 6.0, 20.0])
def test_two_modes_are_told_exactly_where_the_definition_says(share: float, gap: float) -> None:
    random = np.random.default_rng(4)
    high = np.arange(200) < 200 * share
    samples = list(100 + random.normal(0, 1, 200) + gap * high)
    gain, least = best_split(samples)
    assert is_bimodal(samples, 0.0) == (gain > 0.80 + 2 / 200 and least >= 0.15)


def test_modes_closer_than_what_matters_are_not_told() -> None:
    samples = [1.0, 1.02] * 50
    assert is_bimodal(samples, 0.019)
    assert not is_bimodal(samples, 0.021)


def test_normal_and_uniform_samples_have_one_mode() -> None:
    random = np.random.default_rng(1)
    for n in (10, 30, 100, 1000):
        draws = [random.normal(100, 10, n) for _ in range(200)]
        assert sum(is_bimodal(one.tolist(), 0.0) for one in draws) <= 0.03 * 200
    assert not is_bimodal(np.linspace(1, 2, 1000).tolist(), 0.0)


def test_constant_samples_have_no_shape() -> None:
    for n in (1, 2, 10, 500):
        assert not is_bimodal([2.0] * n, 0.0)
        assert not drifts([2.0] * n, 0.0)
        assert effective_count([2.0] * n) == n


def test_a_rise_and_a_fall_are_drifts_and_their_shuffle_is_none() -> None:
    random = np.random.default_rng(2)
    ramp = 1 + 0.05 * np.linspace(0, 1, 60) + random.normal(0, 0.01, 60)
    assert drifts(ramp.tolist(), 0.01)
    assert drifts(ramp[::-1].tolist(), 0.01)
    shuffled = [random.permutation(ramp).tolist() for _ in range(200)]
    assert sum(drifts(one, 0.01) for one in shuffled) <= 0.03 * 200


@pytest.mark.parametrize("n", range(8, 120))
def test_a_rise_without_any_noise_is_a_drift_at_every_length(n: int) -> None:
    """Nothing is left beside its line but the arithmetic's rounding."""
    ramp = np.linspace(1.0, 1.1, n).tolist()
    assert drifts(ramp, 0.01)
    assert drifts(ramp[::-1], 0.01)


def test_a_drift_that_does_not_matter_is_not_told() -> None:
    ramp = np.linspace(1.0, 1.02, 300).tolist()
    assert drifts(ramp, 0.019)
    assert not drifts(ramp, 0.021)


def test_samples_of_few_values_may_drift() -> None:
    steps = [1.0] * 40 + [1.1] * 40
    assert drifts(steps, 0.01)
    assert not drifts([1.0, 1.1] * 40, 0.01)


def test_independent_samples_count_whole() -> None:
    random = np.random.default_rng(6)
    counts = [effective_count(random.normal(1, 0.1, 400).tolist()) for _ in range(100)]
    assert np.median(counts) == 400


def test_repeated_samples_count_once() -> None:
    """Each value twenty times in a row: the signs' autocorrelation time is twenty."""
    random = np.random.default_rng(8)
    held = [value for value in random.normal(1, 0.1, 100) for _ in itertools.repeat(None, 20)]
    assert 70 <= effective_count(held) <= 140


def test_autoregressive_samples_count_for_what_their_signs_tell() -> None:
    """Orthant probability: signs of AR(1) correlate by 2/pi asin(0.9^k), 13.2 in all."""
    time = 1 + 2 * sum(2 / np.pi * np.arcsin(0.9**k) for k in range(1, 400))
    random, level, stream = np.random.default_rng(9), 0.0, []
    for noise in random.normal(0, 1, 20_000):
        level = 0.9 * level + noise
        stream.append(level)
    assert effective_count(stream) == pytest.approx(20_000 / time, rel=0.2)


def test_samples_that_resemble_their_neighbours_seldom_look_like_a_drift() -> None:
    """As independent ones, half of these autoregressive streams would."""
    rng, found = np.random.default_rng(5), 0
    for _ in range(100):
        stream, noise = np.zeros(300), rng.normal(size=300)
        for i in range(1, 300):
            stream[i] = 0.9 * stream[i - 1] + noise[i]
        found += drifts((1 + 0.05 * stream / stream.std()).tolist(), 0.01)
    assert found <= 20
