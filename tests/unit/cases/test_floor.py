"""The least work of a case, by hand, and the ceilings that it is held against."""

import pytest

from sabench.cases.floor import LeastWork, bounds, least_work
from sabench.cases.point import single_case
from sabench.cases.scalars import parse_pairs
from sabench.catalog.attention import Along, AttentionCall, Geometry

CONV = "channels=8 size=4 window=3"  # 576 weights, 128 numbers in, 128 out, 16 positions
HALO = "channels=16 size=8 block=4 halo=1 heads=2"
"""64 queries in four blocks; 2 heads of width 8; 3 x 256 weights, two tables of 11 rows.

Along an axis each block of 4 is offered 6 keys, of which the map has 5: 8 queries, 40 pairs.
"""

SEEN = 40 * 40
ROWS = 40 * 8  # and as many columns


def work(name: str, words: str) -> LeastWork | None:
    return least_work(single_case(name, parse_pairs(words.split())))


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("", LeastWork(4 * (256 + 576), 576 * 16, 0)),
        ("batch=3", LeastWork(4 * (3 * 256 + 576), 3 * 576 * 16, 0)),
        ("dtype=bf16", LeastWork(2 * (256 + 576), 576 * 16, 0)),
        ("autocast=bf16", LeastWork(2 * (256 + 576), 576 * 16, 0)),
        ("mode=forward_backward", LeastWork(4 * 2 * (256 + 576), 3 * 576 * 16, 0)),
    ],
)
def test_a_convolution(more: str, expected: LeastWork) -> None:
    assert work("conv", f"{CONV} {more}") == expected


def test_halo_attention_with_positions_at_their_cheapest_and_no_key_outside() -> None:
    params = 3 * 256 + 2 * 11 * 8
    assert work("halo", HALO) == LeastWork(
        bytes=4 * (2 * 16 * 64 + params),
        macs=16 * 48 * 64 + 2 * (SEEN * (8 + 8) + (ROWS + ROWS) * 8),
        exponentials=2 * SEEN,
    )


def test_zeros_outside_the_map_have_exponentials_and_positions_but_no_products() -> None:
    found = work("halo", f"{HALO} border=zeros")
    assert found is not None
    assert found.exponentials == 2 * 64 * 36
    assert found.macs == 16 * 48 * 64 + 2 * (SEEN * (8 + 8) + 64 * (6 + 6) * 8)


def test_without_positions_there_is_no_product_with_them() -> None:
    found = work("halo", f"{HALO} position=none")
    assert found is not None
    assert found.macs == 16 * 48 * 64 + 2 * SEEN * (8 + 8)


def test_positions_of_a_single_key_are_one_product() -> None:
    """With a window of 1 a query has one key: its row and its column are half a head wide each."""
    found = work("self_attention", "channels=16 size=4 window=1 heads=2")
    assert found is not None
    assert found.macs == 16 * 48 * 16 + 2 * 16 * (8 + 8 + 8)


@pytest.mark.parametrize(
    ("geometry", "size", "expected"),
    [
        (Geometry((1, 1), halo=1, band=True), (5, 3), Along(5, 3, 2 + 3 + 3 + 3 + 2)),
        (Geometry((4, 4), halo=1), (8, 8), Along(8, 6, 40)),
        (Geometry((4, 4), halo=1), (7, 8), Along(7, 6, 4 * 5 + 3 * 4)),  # the last block is short
        (Geometry((4, 4), halo=1, query_stride=2), (7, 8), Along(4, 6, 2 * 5 + 2 * 4)),
        (Geometry((9, 8), halo=0), (9, 8), Along(9, 9, 81)),
        (Geometry((2, 2), halo=5), (4, 4), Along(4, 12, 16)),  # a halo beyond the whole map
    ],
)
def test_pairs_in_the_map_along_its_rows(
    geometry: Geometry, size: tuple[int, int], expected: Along
) -> None:
    assert Along.of(AttentionCall(1, 4, 4, size, geometry, "none"), 0) == expected


def test_a_network_does_what_its_layers_do_but_asks_the_image_for_no_gradient() -> None:
    """ResNet-50's MACs as published, 4.09 G, its stem's 0.118 G among them."""
    forward = work("resnet50", "resolution=224")
    both = work("resnet50", "resolution=224 mode=forward_backward")
    assert forward is not None
    assert both is not None
    assert forward.macs == pytest.approx(4.09e9, rel=2e-3)
    assert both.macs == 3 * forward.macs - 7 * 7 * 3 * 64 * 112 * 112
    assert forward.exponentials == 0


def test_shared_weights_are_read_once_whatever_the_batch() -> None:
    """RetinaNet's heads go over five maps with the same weights."""
    one, two, three = (work("retinanet_resnet50", f"batch={batch}") for batch in (1, 2, 3))
    assert one is not None
    assert two is not None
    assert three is not None
    assert three.bytes - two.bytes == two.bytes - one.bytes
    params = 33_397_364  # counted in tests/unit/networks/test_retinanet.py
    assert 2 * one.bytes - two.bytes == 4 * params


def test_the_higher_ceiling_bounds_and_the_slowest_bound_comes_first() -> None:
    ceilings = {"copy": 10.0, "read": 5.0, "matmul": 50.0, "conv": 200.0, "exp": 1.0}
    found = bounds(LeastWork(100, 1000, 0), ceilings)
    assert [(one.name, one.ceiling, one.seconds) for one in found] == [
        ("bytes", "copy", 10.0),
        ("macs", "conv", 5.0),
    ]


def test_a_ceiling_that_was_not_measured_bounds_nothing() -> None:
    assert [one.name for one in bounds(LeastWork(1, 1, 1), {"exp": 1.0})] == ["exponentials"]
