"""`show --best` and `report --best`: a board of several implementations, each layer once."""

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import pytest

from sabench import cli

BOARD = Path(__file__).parent.parent.parent / "results/amd-epyc-family-23-model-1/tune.json"


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as ended:
        cli.main(list(arguments))
    assert not ended.value.code
    return capsys.readouterr().out


def fastest() -> dict[str, str]:
    """The id of the least median latency among those that differ in their implementation alone."""
    rows: list[dict[str, Any]] = json.loads(BOARD.read_bytes())["rows"]
    found: dict[str, tuple[float, str]] = {}
    for row in rows:
        place, how = row["case_id"].rsplit("/", 1)
        mode, dtype, _, runtime = how.split(".")
        time = row["figures"]["latency_warm"]["median"]
        key = f"{place}/{mode}.{dtype}.{runtime}"
        found[key] = min(found.get(key, (math.inf, "")), (time, row["case_id"]))
        assert row["status"] in ("ok", "ok_flagged")
    return {key: name for key, (_, name) in found.items()}


def test_a_csv_has_the_fastest_of_each_layer_and_those_level_with_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = list(
        csv.DictReader(io.StringIO(printed(capsys, "show", str(BOARD), "--best", "--csv")))
    )
    assert sorted(line["case_id"] for line in lines) == sorted(fastest().values())
    assert {line["level_with"] for line in lines} == {"", "sdpa", "blocked"}
    assert all(line["implementation"] not in line["level_with"].split() for line in lines)


def test_a_table_names_the_implementation(capsys: pytest.CaptureFixture[str]) -> None:
    told = printed(capsys, "show", str(BOARD), "--best", "--markdown")
    assert "Of each layer its best implementation" in told
    assert r"self\_attention window=3 \[blocked, sdpa\]" in told
    assert "| conv |" in told  # it has but one


def test_a_page_shows_those_alone(capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(printed(capsys, "report", str(BOARD), "--best", "--json"))
    assert sorted(one["case_id"] for one in told["records"]) == sorted(fastest().values())
