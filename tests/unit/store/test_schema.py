"""Files that know whether they are whole."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from making_runs import case, record_of, run_info
from sabench.errors import ResultError
from sabench.records import Record
from sabench.store import schema
from sabench.store.leaderboard import (
    Leaderboard,
    make_leaderboard,
    read_leaderboard,
    write_leaderboard,
)
from sabench.store.run_folder import RunFolder, RunInfo


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A leaderboard file."""
    info = run_info((case(), case("halo", options={"block": 4})), title="Größe <b>\n")
    board = make_leaderboard(info, [record_of(job, (1.0, 1.1) * 5) for job in info.jobs()])
    write_leaderboard(tmp_path / "leaderboard.json", board)
    return tmp_path / "leaderboard.json"


def item() -> dict[str, Any]:
    (job, *_) = run_info((case(),)).jobs()
    return record_of(job).dump()


def test_a_file_gives_back_what_was_written(stored: Path) -> None:
    board = read_leaderboard(stored)
    assert board.title == "Größe <b>\n"
    assert read_leaderboard(stored.parent) == board


def test_a_thousand_damaged_files_are_all_refused(stored: Path) -> None:
    whole, order = stored.read_bytes(), random.Random(20)
    for turn in range(1000):
        damaged = bytearray(whole)
        if turn % 2:
            damaged[order.randrange(len(whole))] ^= 1 << order.randrange(8)
        else:
            del damaged[order.randrange(len(whole)) :]
        stored.write_bytes(bytes(damaged))
        with pytest.raises(ResultError):
            read_leaderboard(stored)


def test_line_ends_of_another_system_are_no_damage(stored: Path) -> None:
    board = read_leaderboard(stored)
    stored.write_bytes(stored.read_bytes().replace(b"\n", b"\r\n"))
    assert read_leaderboard(stored) == board


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "not whole JSON"),
        ("[1]", "an object was expected|a JSON object"),
        ("[" * 100_000, "not whole JSON"),
        ('{"schema": "sabench.run", "schema_version": "2.0"}', "was expected"),
        ('{"schema": "sabench.leaderboard", "schema_version": "99.0"}', "newer sabench"),
        ('{"schema": "sabench.leaderboard", "schema_version": "one"}', "MAJOR.MINOR"),
        ('{"schema": "sabench.leaderboard", "schema_version": "2.0"}', "checksum"),
        ('{"schema": "sabench.leaderboard", "schema_version": "2.0", "x": NaN}', "not finite"),
    ],
)
def test_anything_else_is_refused_with_the_reason(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "leaderboard.json"
    path.write_text(text)
    with pytest.raises(ResultError, match=told):
        schema.read_sealed(path, Leaderboard)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="cannot be read"):
        read_leaderboard(tmp_path / "absent.json")


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "leaderboard.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ResultError, match="not whole JSON"):
        read_leaderboard(tmp_path)


def test_an_older_major_migrates(monkeypatch: pytest.MonkeyPatch) -> None:
    def rename(old: dict[str, Any]) -> dict[str, Any]:
        return {("wall_s" if key == "seconds" else key): value for key, value in old.items()}

    monkeypatch.setitem(schema.MIGRATIONS, ("sabench.record", 0), rename)
    old = item() | {"schema_version": "0.3", "seconds": 2.5}
    del old["wall_s"]
    assert schema.parse(old, Record, "here").wall_s == 2.5


def test_an_older_major_that_nobody_migrates_is_refused() -> None:
    with pytest.raises(ResultError, match="too old"):
        schema.parse(item() | {"schema_version": "0.1"}, Record, "here")


def test_what_a_newer_minor_added_is_left_out() -> None:
    new = item() | {"schema_version": "2.9", "mood": "good"}
    new["readings"]["latency_warm"]["colour"] = "blue"
    assert schema.parse(new, Record, "here").readings["latency_warm"].median == 1.0


def test_an_unknown_key_in_our_own_version_is_refused() -> None:
    with pytest.raises(ResultError, match="mood"):
        schema.parse(item() | {"mood": "good"}, Record, "here")


def test_a_missing_key_is_named() -> None:
    old = item()
    del old["job_id"]
    with pytest.raises(ResultError, match="here: job_id"):
        schema.parse(old, Record, "here")


def test_a_run_opens_as_it_was_made(tmp_path: Path) -> None:
    info = run_info((case(options={"window": 5, "bias": True, "scale": 1.0}), case("halo")))
    folder = RunFolder.create(info, out=tmp_path / "run")
    assert RunFolder.open(folder.path).info == info
    assert json.loads((folder.path / "run.json").read_text())["schema"] == "sabench.run"
    assert schema.read_sealed(folder.path / "run.json", RunInfo).jobs() == info.jobs()
