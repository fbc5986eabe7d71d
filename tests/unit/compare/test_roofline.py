"""The roof over some work, and the work of a case, by hand."""

import math

import pytest

from making_runs import case
from sabench.compare.roofline import Work, roof_of, work_of


def test_the_roof_takes_each_limit_from_the_case_that_came_furthest() -> None:
    roof = roof_of([Work(flops=8.0, moved=2.0, seconds=1.0), Work(1.0, 4.0, 0.5)])
    assert (roof.flops_per_s, roof.bytes_per_s) == (8.0, 8.0)
    assert roof.ridge == 1.0
    assert [roof.at(0.5), roof.at(1.0), roof.at(10.0)] == [4.0, 8.0, 8.0]


def test_no_work_lies_above_the_roof_over_it() -> None:
    works = [Work(flops, moved, 1.0) for flops in (1.0, 5.0, 30.0) for moved in (1.0, 9.0)]
    roof = roof_of(works)
    assert all(work.rate <= roof.at(work.intensity) for work in works)


def test_the_work_of_a_convolution_is_two_flops_a_mac_and_its_maps_and_weights() -> None:
    work = work_of(case(channels=8, size=4, batch=3), seconds=2.0)
    assert work is not None
    macs, weights, maps = 8 * 8 * 9 * 16, 8 * 8 * 9, 2 * 8 * 16
    assert work.flops == 3 * 2 * macs
    assert work.moved == 4 * (3 * maps + weights)
    assert work.rate == pytest.approx(3 * macs)


@pytest.mark.parametrize(
    "fields",
    [
        {"subject": "none_such"},
        {"subject": "mine", "file": "mine.py:Mine"},
        {"subject": "conv", "options": {"window": -4}},
        {"subject": "conv", "options": {"from_tomorrow": 1}},
    ],
    ids=["unknown layer", "a file's layer", "impossible options", "unknown option"],
)
def test_a_case_that_no_closed_form_covers_has_no_work(fields: dict[str, object]) -> None:
    assert work_of(case(**fields), seconds=1.0) is None


@pytest.mark.parametrize("size", [10**30, 10**150, 10**400], ids=["vast", "no float", "absurd"])
@pytest.mark.parametrize("seconds", [1e-17, 1.0, 1e17])
def test_work_is_of_finite_numbers_or_none(size: int, seconds: float) -> None:
    for subject in ("conv", "halo", "local", "global"):
        work = work_of(case(subject, size=size), seconds)
        if work is not None:
            told = (work.flops, work.moved, work.intensity, work.rate, work.traffic)
            assert all(0.0 < one < math.inf for one in told)


def test_work_that_takes_no_time_is_none() -> None:
    assert work_of(case(), seconds=0.0) is None
