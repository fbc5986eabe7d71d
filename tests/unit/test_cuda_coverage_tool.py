"""tools/check_cuda_coverage.py leaves nothing out in silence, and tells what ran."""

from pathlib import Path
from types import ModuleType

import pytest

from loading_tools import load_tool

CHOOSES = """\"\"\"A module.\"\"\"


def chosen(device):
    if device != "cpu":
        return "cuda"
    return "cpu"
"""


@pytest.fixture
def tool() -> ModuleType:
    return load_tool("check_cuda_coverage")


def test_every_module_and_test_that_it_names_is_there(tool: ModuleType) -> None:
    assert tool.absent() == []


@pytest.mark.parametrize(("table", "name"), [("TARGETS", "gone.py"), ("TESTS", "test_gone.py")])
def test_a_module_or_test_that_was_renamed_is_one_line_and_exit_2(
    tool: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    table: str,
    name: str,
) -> None:
    added = tool.MEASURE / name if table == "TARGETS" else "gone"
    monkeypatch.setattr(tool, table, (*getattr(tool, table), added))
    monkeypatch.setattr(tool, "run_tests", lambda _: pytest.fail("the tests were run"))
    monkeypatch.setattr("sys.argv", ["check_cuda_coverage.py"])
    assert tool.main() == 2
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("error: ")
    assert name in line


def test_a_branch_that_did_not_run_is_named(tool: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "chooses.py"
    path.write_text(CHOOSES)
    seen = tool.Seen(lines={4, 5, 7}, ways={5: {7}, 7: {0}})
    assert tool.coverage_of(path, seen) == (4, 6, ["line 6", "line 5 into its body"])
