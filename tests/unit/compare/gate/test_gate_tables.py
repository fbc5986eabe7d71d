"""docs/false-alarms.md has the figures of the simulations that were recorded, and no others."""

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sabench import jsonl
from sabench.compare.gate.driver import RULE

ROOT = Path(__file__).parents[4]
PAGE = (ROOT / "docs/false-alarms.md").read_text()
RECORD = ROOT / "results/amd-epyc/gate-simulation.jsonl"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    sys.path.insert(0, str(ROOT / "tools"))
    spec = importlib.util.spec_from_file_location("gate_tables", ROOT / "tools/gate_tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def recorded(setting: str, change: float) -> dict[str, Any]:
    """What was found by the rule as it is, in gates of three cases."""
    lines = [
        line
        for line in jsonl.read(RECORD)
        if (line["setting"], line["found"]["change"]) == (setting, change)
        and (line["cases"], line["most"], line["same"], line["sure"]) == (3, 20, 8, 0.9999)
    ]
    return lines[-1]["found"]


def cells(first: str) -> list[str]:
    """The cells of the page's row that begins so."""
    (row,) = re.findall(rf"^\| {re.escape(first)} \| (.*) \|$", PAGE, flags=re.MULTILINE)
    return row.split(" | ")


def as_share(cell: str) -> float:
    if " of " in cell:
        hits, n = (int(part.replace(",", "")) for part in cell.split(" of "))
        return hits / n
    return float(cell.removesuffix(" %")) / 100


def test_the_tables_of_the_page_are_those_of_the_record(tool: ModuleType) -> None:
    assert "\n".join(tool.tables(tool.read(RECORD))).split("\n\n") == re.findall(
        r"^\|.*\|$(?:\n\|.*\|$)*", PAGE, flags=re.MULTILINE
    )


@pytest.mark.parametrize(
    ("row", "change"), [("none", 0.0), ("+3 %", 0.03), ("+10 %", 0.1), ("+25 %", 0.25)]
)
def test_a_row_has_the_shares_of_its_change(row: str, change: float) -> None:
    quiet, every = recorded("recorded, quiet", change), recorded("recorded", change)
    wanted = [
        one["verdicts"].get(verdict, 0) / one["cases"]
        for verdict in ("REGRESSED", "SAME")
        for one in (quiet, every)
    ]
    assert [as_share(cell) for cell in cells(row)] == pytest.approx(wanted, abs=5.1e-4)


def test_the_record_is_of_the_rule_as_it_is_and_keeps_its_promise() -> None:
    assert {line["rule"] for line in jsonl.read(RECORD)} == {RULE}
    for setting in ("recorded, quiet", "recorded"):
        found = recorded(setting, 0.0)
        assert found["cases"] >= 3000
        assert found["verdicts"].get("REGRESSED", 0) <= 0.001 * found["cases"]


def test_a_share_near_either_end_is_not_rounded_to_it(tool: ModuleType) -> None:
    assert tool.share(0, 3000) == "0 of 3,000"
    assert tool.share(1002, 1002) == "1,002 of 1,002"
    assert tool.share(2999, 3000) == "2,999 of 3,000"
    assert tool.share(3, 1000) == "0.3 %"
