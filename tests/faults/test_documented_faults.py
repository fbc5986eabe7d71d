"""docs/faults.md names tests that are there, each line with what turns it red."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "faults.md").read_text()
LINES = [line for line in PAGE.splitlines() if re.match(r"\| R\d", line)]
WANTED = [*range(1, 20), *range(21, 31)]


def test_every_fault_has_its_line_once() -> None:
    assert [int(line.split()[1][1:]) for line in LINES] == WANTED


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.split()[1])
def test_a_line_names_tests_that_are_there_and_what_turns_them_red(line: str) -> None:
    _, _, _, tests, red, _ = (cell.strip() for cell in line.split("|"))
    files = re.findall(r"`([\w/]+\.py)`", tests)
    assert files
    for file in files:
        assert (ROOT / ("" if file.startswith("tools/") else "tests") / file).is_file(), file
    assert red
