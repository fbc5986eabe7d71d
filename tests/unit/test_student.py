"""Quantiles of Student's t against printed tables."""

import math

import pytest

from sabench.errors import MeasurementError
from sabench.stats import t_quantile

# Abramowitz and Stegun 1964, table 26.10: two-sided 5 % and 1 %, and one-sided 5 %.
TABLE = [
    (0.975, 1, 12.706),
    (0.975, 2, 4.303),
    (0.975, 3, 3.182),
    (0.975, 4, 2.776),
    (0.975, 5, 2.571),
    (0.975, 9, 2.262),
    (0.975, 30, 2.042),
    (0.975, 120, 1.980),
    (0.995, 4, 4.604),
    (0.995, 7, 3.499),
    (0.995, 9, 3.250),
    (0.95, 4, 2.132),
    (0.95, 10, 1.812),
]


@pytest.mark.parametrize(("probability", "degrees", "printed"), TABLE)
def test_quantiles_are_those_of_the_printed_table(
    probability: float, degrees: int, printed: float
) -> None:
    assert t_quantile(probability, degrees) == pytest.approx(printed, abs=5e-4)


def test_one_degree_of_freedom_is_the_cauchy_distribution() -> None:
    for share in (0.01, 0.3, 0.75, 0.999):
        assert t_quantile(share, 1) == pytest.approx(math.tan(math.pi * (share - 0.5)), rel=1e-9)


def test_two_degrees_of_freedom_have_their_closed_form() -> None:
    for share in (0.02, 0.6, 0.995):
        twice = 2 * share - 1
        expected = twice * math.sqrt(2 / (1 - twice**2))
        assert t_quantile(share, 2) == pytest.approx(expected, rel=1e-9)


def test_quantiles_mirror_around_zero() -> None:
    for degrees in (1, 2, 5, 8, 33):
        assert t_quantile(0.025, degrees) == pytest.approx(-t_quantile(0.975, degrees), rel=1e-12)
        assert t_quantile(0.5, degrees) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(("probability", "degrees"), [(0.0, 4), (1.0, 4), (0.5, 0), (0.5, -1)])
def test_what_has_no_quantile_is_refused(probability: float, degrees: int) -> None:
    with pytest.raises(MeasurementError, match="quantile"):
        t_quantile(probability, degrees)
