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
    shown["slowed"] = 0

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


SHARED = {"status": "contended", "flags": ["contended"], "slowed": 20, "blocks": 20}
FINE = {"status": "ok", "flags": [], "slowed": 1, "blocks": 20}
FLAWED = {"status": "ok_flagged", "flags": ["outliers"], "slowed": 0, "blocks": 20}


@pytest.mark.parametrize(
    ("shared", "fine", "flawed", "verdict"),
    [
        (4, 16, 0, True),
        (5, 15, 0, None),  # of those that were alone all were ok
        (20, 0, 0, None),
        (10, 8, 2, None),
        (10, 7, 3, False),  # of ten that were alone three were not ok
    ],
)
def test_a_run_whose_core_was_shared_is_the_machines_fault(
    tool: Any, shared: int, fine: int, flawed: int, verdict: bool | None
) -> None:
    wander = sys.modules["wander"].Wander(0, 60)
    rows = [SHARED] * shared + [FINE] * fine + [FLAWED] * flawed
    assert tool.quiet_holds(rows, wander) is verdict


def test_a_slow_ranked_run_beside_a_neighbour_is_no_fault_of_the_machine(
    tool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool, "neighbours_of", lambda _threads: {"beside one": []})
    assert held(tool, monkeypatch, [DRIFTED] * 5, 8) is None
    monkeypatch.setattr(tool, "is_wrong", lambda row, _median: True)
    assert held(tool, monkeypatch, [DRIFTED] * 5, 8) is False
