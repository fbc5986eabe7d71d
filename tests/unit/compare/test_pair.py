"""The change of one case between two runs: interval, least effect, verdict, what settles it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sabench.compare.pair import (
    MOST_PROCESSES,
    Effect,
    Verdict,
    effect_of,
    paired_effect,
    processes_needed,
    verdict_of,
)

times = st.lists(st.floats(1e-6, 1e3), min_size=2, max_size=12)
different = times.filter(lambda values: np.log(values).std() > 1e-6)


def effect(
    change: float, error: float | None, *, degrees: float = 8.0, threshold: float = 0.03
) -> Effect:
    """An effect with this change and error; nothing raises theta."""
    return Effect(change, error, degrees, threshold, threshold, (5, 5))


@given(different, different)
def test_the_interval_of_two_runs_is_welchs_on_the_logs(
    base: list[float], new: list[float]
) -> None:
    test = stats.ttest_ind(np.log(new), np.log(base), equal_var=False)
    low, high = test.confidence_interval(0.99)
    found = effect_of(base, new)
    assert found.change - found.half_width == pytest.approx(low, rel=1e-6, abs=1e-9)
    assert found.change + found.half_width == pytest.approx(high, rel=1e-6, abs=1e-9)
    assert found.degrees == pytest.approx(test.df, rel=1e-6)
    if max(abs(low), abs(high)) < 500.0:
        assert found.interval == pytest.approx((math.exp(low), math.exp(high)), rel=1e-5)


@given(st.lists(st.tuples(st.floats(1e-6, 1e3), st.floats(1e-6, 1e3)), min_size=3, max_size=12))
def test_the_interval_of_interleaved_blocks_is_the_paired_t_on_the_logs(
    pairs: list[tuple[float, float]],
) -> None:
    old, new = np.log(np.array(pairs)).T
    if (new - old).std() < 1e-6:
        return
    test = stats.ttest_rel(new, old)
    found = paired_effect(pairs)
    low, high = test.confidence_interval(0.99)
    assert found.change - found.half_width == pytest.approx(low, rel=1e-6, abs=1e-9)
    assert found.change + found.half_width == pytest.approx(high, rel=1e-6, abs=1e-9)
    one_sided = stats.ttest_rel(new, old, alternative="greater").confidence_interval(0.95).low
    assert found.lower_bound(0.95) == pytest.approx(one_sided, rel=1e-6, abs=1e-9)


def test_a_ratio_is_new_over_base_by_the_geometric_means() -> None:
    assert effect_of([1.0, 4.0], [4.0, 9.0]).ratio == pytest.approx(3.0)  # 6 over 2
    assert paired_effect([(1.0, 4.0), (4.0, 9.0)]).ratio == pytest.approx(3.0)


@pytest.mark.parametrize("found", [effect_of([1.0], [2.0, 2.1]), paired_effect([(1.0, 2.0)])])
def test_one_process_has_a_ratio_and_neither_interval_nor_verdict(found: Effect) -> None:
    assert found.ratio == pytest.approx(2.0, rel=0.03)
    assert (found.interval, found.detectable, processes_needed(found)) == (None, None, None)
    assert found.lower_bound(0.95) == -math.inf
    assert verdict_of(found) is Verdict.AMBIGUOUS


def test_runs_without_any_spread_are_told_exactly() -> None:
    assert verdict_of(effect_of([2.0] * 3, [2.0] * 3)) is Verdict.SAME
    assert verdict_of(effect_of([2.0] * 3, [2.1] * 3)) is Verdict.REGRESSED
    assert verdict_of(effect_of([2.0] * 3, [1.9] * 3)) is Verdict.IMPROVED
    assert verdict_of(effect_of([2.0] * 3, [2.04] * 3)) is Verdict.SAME  # 2 %


def test_theta_is_the_threshold_or_the_noise_whichever_is_more() -> None:
    quiet, noisy = [1.0, 1.0, 1.0], [1.0, 1.1, 1.21]
    assert effect_of(quiet, quiet).theta == pytest.approx(math.log(1.03))
    assert effect_of(quiet, quiet, threshold=0.1).theta == pytest.approx(math.log(1.1))
    error = math.log(1.1) / math.sqrt(3)  # the sd of the logs is log 1.1
    assert effect_of(quiet, noisy).theta == pytest.approx(3 * error)
    assert effect_of(quiet, noisy).threshold == pytest.approx(math.log(1.03))


@pytest.mark.parametrize(
    ("change", "error", "verdict"),
    [  # the half width is 3.355 errors: t of 0.995 at 8 degrees
        (0.05, 0.014, Verdict.REGRESSED),  # 0.003 at least
        (0.05, 0.015, Verdict.AMBIGUOUS),  # -0.0003 at least
        (0.029, 0.001, Verdict.AMBIGUOUS),  # sure, and less than counts; not surely less
        (0.014, 0.004, Verdict.SAME),  # below half the least: 0.0274 at most by 99 %
        (0.02, 0.0013, Verdict.SAME),  # 0.0293 at most by 99.99 %: 7.120 errors
        (0.02, 0.0015, Verdict.AMBIGUOUS),  # 0.0307
        (0.0, 0.0089, Verdict.SAME),  # within 0.0299
        (0.0, 0.0090, Verdict.AMBIGUOUS),  # 0.0302
        (-0.05, 0.014, Verdict.IMPROVED),
        (-0.05, 0.015, Verdict.AMBIGUOUS),
    ],
)
def test_a_verdict_needs_a_sure_change_that_counts_or_a_surely_small_one(
    change: float, error: float, verdict: Verdict
) -> None:
    assert verdict_of(effect(change, error)) is verdict


def test_nothing_is_the_same_within_a_theta_that_noise_has_raised() -> None:
    raised = Effect(0.0, 0.02, 8.0, 0.03, 0.06, (5, 5))
    assert verdict_of(raised) is Verdict.AMBIGUOUS


@given(times, times)
def test_with_the_sides_swapped_the_verdict_is_mirrored(
    base: list[float], new: list[float]
) -> None:
    mirror = {Verdict.REGRESSED: Verdict.IMPROVED, Verdict.IMPROVED: Verdict.REGRESSED}
    there, back = verdict_of(effect_of(base, new)), verdict_of(effect_of(new, base))
    assert back is mirror.get(there, there)


@pytest.mark.parametrize("sd", [0.003, 0.01, 0.03])
@pytest.mark.parametrize("count", [3, 4, 5, 8, 12])
def test_a_slowdown_that_one_pair_of_runs_tells_is_found_by_four_of_five_others(
    count: int, sd: float
) -> None:
    """2,000 pairs, each with the slowdown that a pair of its own told: neither knows the noise."""
    random, tries = np.random.default_rng(20), 2000

    def run(log: float = 0.0) -> list[float]:
        return np.exp(random.normal(log, sd, count)).tolist()

    found = 0
    for _ in range(tries):
        told = effect_of(run(), run()).detectable
        assert told is not None
        found += verdict_of(effect_of(run(), run(math.log1p(told)))) is Verdict.REGRESSED
    assert 0.77 < found / tries < 0.85  # the sd of 0.8 of 2,000 is 0.009


@pytest.mark.parametrize(
    ("degrees", "error", "least"),
    [
        (8.0, 0.001, 0.03 + 0.889 * 0.001),  # what counts decides: t of 0.8 at 8 degrees
        # the noise does: k for which P(Z + k s > c r) is 0.8, by 800 x 800 points; Z is normal,
        # 8 s^2 and 8 r^2 are chi-squared with 8 degrees, and c is t of 0.995, or 3
        *((4.0, 0.02, 7.45 * 0.02), (8.0, 0.02, 4.90 * 0.02), (22.0, 0.02, 4.07 * 0.02)),
    ],
)
def test_the_detectable_slowdown_exceeds_what_counts_and_the_noise(
    degrees: float, error: float, least: float
) -> None:
    found = effect(0.0, error, degrees=degrees).detectable
    assert found == pytest.approx(math.expm1(least), rel=0.02)


def test_two_processes_a_side_find_what_is_large_and_counts_are_exact() -> None:
    assert 0.1 < (effect(0.0, 0.01, degrees=1.0).detectable or 0.0) < 100.0
    assert Effect(0.0, 0.0, 1.0, 0.0, 0.0, (1, 1)).detectable == 0.0


@pytest.mark.parametrize(
    ("change", "error"), [(0.05, 0.02), (0.0, 0.015), (-0.04, 0.03), (0.3, 0.2)]
)
def test_the_processes_needed_would_settle_it_and_one_less_would_not(
    change: float, error: float
) -> None:
    found = processes_needed(effect(change, error))
    assert found is not None
    sd = error / math.sqrt(2 / 5)

    def settles(count: int) -> bool:
        """By scipy's t, all else as it was."""
        again = sd * math.sqrt(2 / count)
        half = again * float(stats.t.ppf(0.995, 2 * count - 2))
        is_change = abs(change) > half and abs(change) > max(0.03, 3 * again)
        return is_change or abs(change) + half <= 0.03

    assert settles(found)
    assert not any(settles(count) for count in range(2, found))


def test_more_processes_are_needed_than_there_are() -> None:
    """One side's noise alone: 4 degrees, where as many of both sides' would have settled it."""
    one_sided = Effect(0.0, 0.0075, 4.0, math.log(1.03), math.log(1.03), (5, 5))
    assert verdict_of(one_sided) is Verdict.AMBIGUOUS  # t(0.995, 4) = 4.604: 0.0345
    assert verdict_of(effect(0.0, 0.0075, degrees=8.0)) is Verdict.SAME  # 3.355: 0.0252
    sd = 0.0075 * math.sqrt(5)
    wanted = next(
        n for n in range(2, 99) if stats.t.ppf(0.995, n - 1) * sd / math.sqrt(n) <= math.log(1.03)
    )
    assert processes_needed(one_sided) == wanted == 6
    assert processes_needed(Effect(0.2, 0.0588, 2.0, 0.03, 0.18, (3, 30))) in range(31, 100)


def test_a_change_at_the_threshold_is_settled_by_no_number() -> None:
    assert processes_needed(effect(0.03, 0.02)) is None
    assert processes_needed(effect(0.0, 0.5)) is None  # more than MOST_PROCESSES
    assert MOST_PROCESSES == 200
