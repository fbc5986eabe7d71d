"""The closed forms of `attend`'s core, worked by hand."""

import pytest

from sabench.catalog.attention import (
    AttentionCall,
    Geometry,
    blocked_macs,
    blocked_workspace,
    position_macs,
    reference_workspace,
)

BAND = Geometry((1, 1), halo=1, band=True)
BANDED = AttentionCall(2, 4, 6, (3, 5), BAND, "split")
"""3 x 5 queries of 2 heads see 3 x 3 keys; two tables of 3 rows, each half a head wide."""

STRIDED = AttentionCall(1, 4, 4, (7, 7), Geometry((4, 4), halo=1, query_stride=2), "sum")
"""4 x 4 queries; blocks of 4 with halo 1 see 6 x 6 keys, whose tables have 2 x 6 - 1 rows."""

WHOLE = AttentionCall(3, 5, 2, (3, 4), Geometry((3, 4), halo=0), "sum")
"""12 queries of 3 heads see 12 keys; tables of 5 and 7 rows."""

WITHOUT_CONTENT = AttentionCall(2, 4, 6, (3, 5), BAND, "split", content=False)
WITHOUT_POSITIONS = AttentionCall(2, 4, 6, (3, 5), BAND, "none")


def test_macs_of_a_call() -> None:
    """q.k and q.r of width 4, a.v of width 6."""
    assert BANDED.macs == 2 * 15 * 9 * (4 + 4 + 6)


def test_macs_of_a_strided_halo() -> None:
    assert STRIDED.macs == 16 * 36 * (4 + 4 + 4)


def test_macs_without_content_or_without_positions() -> None:
    assert WITHOUT_CONTENT.macs == WITHOUT_POSITIONS.macs == 2 * 15 * 9 * (4 + 6)


@pytest.mark.parametrize(
    ("call", "pairs", "tables"),
    [
        (BANDED, 2 * 15 * 9 * 4, 2 * 15 * (3 * 2 + 3 * 2)),
        (WITHOUT_CONTENT, 2 * 15 * 9 * 4, 2 * 15 * (3 * 2 + 3 * 2)),
        (STRIDED, 16 * 36 * 4, 16 * (11 + 11) * 4),
        (WHOLE, 3 * 12 * 12 * 5, 3 * 12 * (5 + 7) * 5),
        (WITHOUT_POSITIONS, 0, 0),
    ],
    ids=["band", "band without content", "strided halo", "whole map", "no positions"],
)
def test_position_macs_by_pairs_by_table_rows_and_not_at_all(
    call: AttentionCall, pairs: int, tables: int
) -> None:
    assert position_macs(call, "pairs") == pairs
    assert position_macs(call, "tables") == tables
    assert position_macs(call, "none") == 0


def test_a_band_of_window_7_at_head_width_8_has_56_macs_a_query_by_table_rows() -> None:
    """The q.r of stand-alone attention in factorised form: window x d for each query."""
    call = AttentionCall(1, 8, 8, (1, 1), Geometry((1, 1), halo=3, band=True), "split")
    assert position_macs(call, "tables") == 7 * 8


def test_odd_widths_are_halved_into_unequal_parts_by_table_rows() -> None:
    """Blocks of 1 x 2 and no halo: 1 row of width 2, 3 columns of width 3."""
    call = AttentionCall(1, 5, 5, (1, 2), Geometry((1, 2), halo=0), "split")
    assert position_macs(call, "tables") == 2 * (1 * 2 + 3 * 3)


def test_blocked_multiplies_no_keys_without_content() -> None:
    """Blocks of 4 x 4: 2 of them, 16 queries, 36 keys; q.r by 6 rows and 6 columns of width 2."""
    positions = 2 * 2 * 16 * (6 * 2 + 6 * 2)
    assert blocked_macs(BANDED) == 2 * 2 * 16 * 36 * (4 + 6) + positions
    assert blocked_macs(WITHOUT_CONTENT) == 2 * 2 * 16 * 36 * 6 + positions


def test_no_keys_are_gathered_without_content() -> None:
    """The reference gathers 9 keys a query, blocked 36 a block of 4 x 4; each is 4 wide."""
    spared = reference_workspace(BANDED) - reference_workspace(WITHOUT_CONTENT)
    assert spared == 2 * 15 * 9 * 4
    assert blocked_workspace(BANDED) - blocked_workspace(WITHOUT_CONTENT) == 2 * 2 * 36 * 4
