"""Lines that survive a kill."""

from pathlib import Path

import pytest

from sabench import jsonl
from sabench.errors import ResultError


def test_what_is_appended_is_read_in_order(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    for number in range(3):
        jsonl.append(path, {"number": number})
    assert [item["number"] for item in jsonl.read(path)] == [0, 1, 2]


@pytest.mark.parametrize("cut", range(1, 15))
def test_a_torn_last_line_is_passed_over_and_the_next_one_stands(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "journal.jsonl"
    jsonl.append(path, {"number": 1})
    jsonl.append(path, {"number": 22})
    path.write_bytes(path.read_bytes()[:-cut])
    jsonl.append(path, {"number": 3})
    assert [item["number"] for item in jsonl.read(path)] in ([1, 3], [1, 22, 3])


def test_a_file_that_is_not_there_has_no_lines(tmp_path: Path) -> None:
    assert list(jsonl.read(tmp_path / "none")) == []


def test_a_folder_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="cannot append: No such file"):
        jsonl.append(tmp_path / "none" / "journal.jsonl", {})
    with pytest.raises(ResultError, match="cannot write: No such file"):
        jsonl.write_atomically(tmp_path / "none" / "file", "text")
