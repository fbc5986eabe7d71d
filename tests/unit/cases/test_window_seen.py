"""The receptive field of a case that a suite did not ask for by its window."""

from typing import Any

import pytest

from making_runs import case
from sabench.cases.window import swept_by_window, window_seen
from sabench.catalog.layers import layers


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"subject": "conv"}, 3),
        ({"subject": "conv", "options": {"window": 11}}, 11),
        ({"subject": "self_attention", "options": {"window": 5}}, 5),
        ({"subject": "halo", "options": {"block": 4, "halo": 1}}, 4 + 2 * 1),
        ({"subject": "halo", "options": {"block": 7, "halo": 0}}, 7),
        ({"subject": "halo", "options": {"block": 4, "halo": 1}, "window": 9}, 9),
        ({"subject": "augmented"}, "all"),
        ({"subject": "conv", "file": "mine.py:Mine"}, None),
        ({"subject": "none_such"}, None),
        ({"subject": "conv", "options": {"from_tomorrow": 1}}, None),
        ({"subject": "resnet50", "kind": "network"}, None),
    ],
)
def test_the_window_a_case_sees(fields: dict[str, Any], expected: object) -> None:
    assert window_seen(case(**fields)) == expected


@pytest.mark.parametrize(
    ("layer", "option"), [("conv", {"window"}), ("halo", {"halo"}), ("augmented", set())]
)
def test_the_options_that_a_window_sets(layer: str, option: set[str]) -> None:
    row = layers()[layer]
    assert swept_by_window(row, row.options()) == option
