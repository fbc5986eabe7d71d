"""The least work of a case, by hand, and the ceilings that it is held against."""

import pytest

from sabench.cases.floor import Work, bounds, work_of
from sabench.cases.point import single_case
from sabench.cases.scalars import parse_pairs

CONV = "channels=8 size=4 window=3"  # 576 weights, 128 numbers in, 128 out, 16 positions
HALO = "channels=16 size=8 block=4 halo=1 heads=2"
"""64 queries see 36 keys in each of 2 heads of width 8; 3 x 256 weights, two tables of 11 rows."""


def work(name: str, words: str) -> Work | None:
    return work_of(single_case(name, parse_pairs(words.split())))


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("", Work(4 * (256 + 576), 576 * 16, 0)),
        ("batch=3", Work(4 * (3 * 256 + 576), 3 * 576 * 16, 0)),
        ("dtype=bf16", Work(2 * (256 + 576), 576 * 16, 0)),
        ("mode=forward_backward", Work(4 * 2 * (256 + 576), 3 * 576 * 16, 0)),
    ],
)
def test_a_convolution(more: str, expected: Work) -> None:
    assert work("conv", f"{CONV} {more}") == expected


def test_halo_attention_with_positions_at_their_cheapest() -> None:
    projections = 16 * 48 * 64
    core = 2 * 64 * 36 * (8 + 8)
    positions = 2 * 64 * (6 + 6) * 8
    params = 3 * 256 + 2 * 11 * 8
    assert work("halo", HALO) == Work(
        bytes=4 * (2 * 16 * 64 + params),
        macs=projections + core + positions,
        exponentials=2 * 64 * 36,
    )


def test_without_positions_nothing_is_saved() -> None:
    found = work("halo", f"{HALO} position=none")
    assert found is not None
    assert found.macs == 16 * 48 * 64 + 2 * 64 * 36 * (8 + 8)


def test_a_network_does_all_that_its_layers_do() -> None:
    """ResNet-50's MACs as published, 4.09 G; no softmax."""
    found = work("resnet50", "resolution=224")
    assert found is not None
    assert found.macs == pytest.approx(4.09e9, rel=2e-3)
    assert found.exponentials == 0


def test_attention_in_a_network_saves_too_and_takes_exponentials() -> None:
    plain = work("resnet26", "resolution=64 mix=halo")
    assert plain is not None
    assert plain.exponentials > 0


def test_the_higher_ceiling_bounds_and_the_slowest_bound_comes_first() -> None:
    found = bounds(Work(100, 1000, 0), {"copy": 10.0, "matmul": 50.0, "conv": 200.0, "exp": 1.0})
    assert [(one.name, one.ceiling, one.seconds) for one in found] == [
        ("bytes", "copy", 10.0),
        ("macs", "conv", 5.0),
    ]


def test_a_ceiling_that_was_not_measured_bounds_nothing() -> None:
    assert [one.name for one in bounds(Work(1, 1, 1), {"exp": 1.0})] == ["exponentials"]
