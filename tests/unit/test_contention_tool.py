"""tools/check_contention.py: a quiet run that is not ok is excused by its control alone."""

import sys
from itertools import chain, repeat
from typing import Any

import pytest

from loading_tools import TOOLS, load_tool


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> Any:
    """With one phase of quiet runs and no neighbours."""
    monkeypatch.syspath_prepend(TOOLS)
    tool = load_tool("check_contention")
    monkeypatch.setattr(tool, "neighbours_of", lambda _threads: {})
    return tool


def held(
    tool: Any, monkeypatch: pytest.MonkeyPatch, spoilt: list[tuple[str, list[str]]], drifted: int
) -> bool | None:
    """Of 20 quiet runs, with so many windows of 60 in which the control drifted."""
    ends = chain(spoilt, repeat(("ok", [])))
    shown = {"ms": 1.0, "n": 20, "blocks": 20, "rejected": 0, "foreign": 0.0, "beside": ""}

    def measure(_threads: int) -> dict[str, Any]:
        status, flags = next(ends)
        return shown | {"status": status, "flags": flags}

    monkeypatch.setattr(tool, "measure", measure)
    wander = sys.modules["wander"].Wander(drifted // 2, 30)
    monkeypatch.setattr(tool, "find_wander", lambda _threads: wander)
    found = tool.contention_holds(20, 1)
    assert found is None or isinstance(found, bool)
    return found


DRIFTED = ("ok_flagged", ["drift"])


@pytest.mark.parametrize(
    ("spoilt", "drifted", "verdict"),
    [
        ([DRIFTED] * 4, 0, True),
        ([DRIFTED] * 5, 0, False),  # a steady control: it is ours
        ([DRIFTED] * 5, 2, False),
        ([DRIFTED] * 5, 8, None),
        ([DRIFTED] * 12, 8, False),  # far more often than the control
        ([DRIFTED] * 4 + [("ok_flagged", ["drift", "warmup_unsettled"])], 8, None),
        ([DRIFTED] * 4 + [("ok_flagged", ["drift", "outliers"])], 8, False),
        ([DRIFTED] * 4 + [("contended", ["contended"])], 60, False),
        ([("error", [])] * 20, 60, False),
    ],
)
def test_only_drift_is_excused_and_only_as_often_as_the_control_drifts(
    tool: Any,
    monkeypatch: pytest.MonkeyPatch,
    spoilt: list[tuple[str, list[str]]],
    drifted: int,
    verdict: bool | None,
) -> None:
    assert held(tool, monkeypatch, spoilt, drifted) is verdict


def test_a_slow_ranked_run_beside_a_neighbour_is_no_fault_of_the_machine(
    tool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool, "neighbours_of", lambda _threads: {"beside one": []})
    assert held(tool, monkeypatch, [DRIFTED] * 5, 8) is None
    monkeypatch.setattr(tool, "is_wrong", lambda row, _median: True)
    assert held(tool, monkeypatch, [DRIFTED] * 5, 8) is False
