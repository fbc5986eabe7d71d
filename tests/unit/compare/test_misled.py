"""What MACs say of a time, with numbers done by hand."""

import pytest

from sabench.compare.misled import expectation


def test_cases_at_one_rate_are_as_slow_as_their_macs_say() -> None:
    found = expectation([(100.0, 1.0), (200.0, 2.0), (800.0, 8.0)])
    assert found is not None
    assert found.macs_per_s == pytest.approx(100.0)
    assert found.residual(400.0, 4.0) == pytest.approx(1.0)


def test_a_case_at_a_tenth_of_the_median_rate_is_ten_times_as_slow_as_its_macs_say() -> None:
    found = expectation([(100.0, 1.0), (100.0, 1.0), (100.0, 10.0)])
    assert found is not None
    assert found.residual(100.0, 10.0) == pytest.approx(10.0)


def test_the_rate_of_two_cases_is_the_geometric_mean_of_theirs() -> None:
    found = expectation([(4.0, 1.0), (100.0, 1.0)])
    assert found is not None
    assert found.macs_per_s == pytest.approx(20.0)


def test_one_case_says_nothing_of_a_rate() -> None:
    assert expectation([(1.0, 1.0)]) is None
