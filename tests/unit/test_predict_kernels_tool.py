"""tools/predict_kernels.py, by hand for one block of 4 x 4 pixels."""

from typing import Any

import pytest

from loading_tools import load_tool
from sabench.cases.case import Case
from sabench.errors import ConfigError

HEADS, WIDTH, SIDE = 1, 8, 4
PIXELS = SIDE * SIDE
MAP = PIXELS * HEADS * WIDTH * 4  # bytes of q, of k, of v and of the answer
PAIRS = PIXELS * PIXELS
PARAMS = 3 * WIDTH * WIDTH
FAST = 1e30  # what costs nothing


@pytest.fixture
def tool() -> Any:
    return load_tool("predict_kernels")


def case(mode: str = "forward") -> Case:
    """Global attention without positions: one head of 8 channels, 16 queries of 16 keys."""
    return Case(
        kind="layer", subject="global_attention", channels=WIDTH, size=SIDE, mode=mode,
        options={"heads": HEADS, "position": "none"},
    )  # fmt: skip


def rates(**slow: float) -> dict[str, float]:
    return {"bytes": FAST, "macs": FAST, "exponentials": FAST} | slow


@pytest.mark.parametrize(
    ("implementation", "kept"),
    [("triton", 0), ("blocked", 2 * PIXELS * WIDTH + 2 * PAIRS)],
)
def test_it_is_bound_by_what_it_moves(tool: Any, implementation: str, kept: int) -> None:
    """The layer's map in and out and its parameters; q, k, v and the answer by the projections and
    again by `attend`; what operators keep between them, written and read."""
    moved = 2 * MAP + 4 * PARAMS + 4 * MAP + 4 * MAP + 2 * 4 * kept
    found = tool.predicted_s(case(), implementation, rates(bytes=1.0))
    assert found == pytest.approx(moved)


def test_both_ways_operators_move_twice_as_much_and_the_kernels_maps_four_times(tool: Any) -> None:
    at, both = rates(bytes=1.0), case("forward_backward")
    layer = 2 * (2 * MAP + 4 * PARAMS) + 2 * 4 * MAP
    kept = 2 * 4 * (2 * PIXELS * WIDTH + 2 * PAIRS)
    assert tool.predicted_s(both, "blocked", at) == pytest.approx(layer + 2 * (4 * MAP + kept))
    assert tool.predicted_s(both, "triton", at) == pytest.approx(layer + 4 * 4 * MAP)


def test_without_keys_the_kernel_is_blocked(tool: Any) -> None:
    given = Case(
        kind="layer", subject="self_attention", channels=8, size=8,
        options={"content": False, "heads": 1, "window": 3},
    )  # fmt: skip
    at = rates(bytes=1.0, macs=2.0, exponentials=3.0)
    assert tool.predicted_s(given, "triton", at) == tool.predicted_s(given, "blocked", at)


def test_a_single_kernel_overlaps_and_operators_follow_each_other(tool: Any) -> None:
    macs = 2 * PAIRS * WIDTH
    at = rates(macs=1.0, exponentials=1.0)
    projections = 3 * PIXELS * WIDTH * WIDTH
    assert tool.predicted_s(case(), "triton", at) == projections + max(macs, PAIRS)
    assert tool.predicted_s(case(), "blocked", at) == projections + macs + PAIRS


def test_both_ways_the_kernels_compute_the_weights_again(tool: Any) -> None:
    at, both = rates(macs=1.0), "forward_backward"
    projections, pairs = 9 * PIXELS * WIDTH * WIDTH, PAIRS * WIDTH
    assert tool.predicted_s(case(both), "blocked", at) == projections + 3 * 2 * pairs
    assert tool.predicted_s(case(both), "triton", at) == projections + (2 + 7) * pairs
    at = rates(exponentials=1.0)
    assert tool.predicted_s(case(both), "blocked", at) == pytest.approx(PAIRS)
    assert tool.predicted_s(case(both), "triton", at) == pytest.approx(3 * PAIRS)


def test_a_layer_without_attention_is_refused(tool: Any) -> None:
    with pytest.raises(ConfigError, match="conv has no attention"):
        tool.predicted_s(Case(kind="layer", subject="conv", channels=8, size=8), "sdpa", rates())
