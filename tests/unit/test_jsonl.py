"""Lines that survive a kill."""

import os
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


def test_a_disk_that_takes_a_little_at_a_time_gets_all_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:5]))
    jsonl.append(tmp_path / "journal.jsonl", {"number": 1234567890})
    jsonl.write_atomically(tmp_path / "file", "longer than five")
    assert list(jsonl.read(tmp_path / "journal.jsonl")) == [{"number": 1234567890}]
    assert (tmp_path / "file").read_text() == "longer than five"


def test_a_new_name_is_on_the_disk_when_its_writer_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a loss of power takes the whole file, though its bytes were written through."""
    synced: list[str] = []
    monkeypatch.setattr(
        os, "fsync", lambda file: synced.append(os.readlink(f"/proc/self/fd/{file}"))
    )
    jsonl.append(tmp_path / "journal.jsonl", {})
    jsonl.append(tmp_path / "journal.jsonl", {})
    journal = str(tmp_path / "journal.jsonl")
    assert synced == [journal, str(tmp_path), journal]
    synced.clear()
    jsonl.write_atomically(tmp_path / "file", "text")
    assert synced == [str(tmp_path / f".file.{os.getpid()}.tmp"), str(tmp_path)]


@pytest.mark.parametrize("stops", [KeyboardInterrupt, SystemExit, MemoryError])
def test_a_writer_that_is_stopped_leaves_nothing_half_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stops: type[BaseException]
) -> None:
    (tmp_path / "file").write_text("before")

    def stop(file: int) -> None:
        raise stops

    monkeypatch.setattr(os, "fsync", stop)
    with pytest.raises(stops):
        jsonl.write_atomically(tmp_path / "file", "after")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("file", "before")]


def test_text_that_no_file_can_hold_leaves_no_scratch_behind(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match=r"file: cannot write: .* surrogates not allowed"):
        jsonl.write_atomically(tmp_path / "file", "\udcff")
    with pytest.raises(ResultError, match=r"file: cannot write: .* surrogates not allowed"):
        jsonl.append_line(tmp_path / "file", "\udcff")
    assert list(tmp_path.iterdir()) == []


def test_a_file_for_a_folder_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ResultError, match="cannot write: Not a directory"):
        jsonl.write_atomically(tmp_path / "file" / "below", "text")
