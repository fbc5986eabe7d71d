"""What earlier versions wrote is read as it was meant: real files, made by those versions."""

import shutil
from pathlib import Path

import pytest

from sabench.store import journal
from sabench.store.leaderboard import make_leaderboard, read_leaderboard
from sabench.store.run_folder import RunFolder
from sabench.store.schema import write_sealed
from sabench.store.verify import verify

HISTORIC = Path(__file__).parents[2] / "fixtures" / "historic"


@pytest.fixture
def old_run(tmp_path: Path) -> Path:
    return Path(shutil.copytree(HISTORIC / "1.0" / "run", tmp_path / "run"))


def test_the_first_leaderboards_latency_is_that_of_warm_caches() -> None:
    board = read_leaderboard(HISTORIC / "1.0" / "leaderboard.json")
    assert board.rank_by == "latency_warm"
    assert "latency" not in board.metrics
    conv = next(row for row in board.rows if row.case.subject == "conv" and row.case.size == 56)
    assert conv.median("latency_warm") == pytest.approx(1.06e-3, rel=0.01)  # as its README said
    assert conv.rank == 1


def test_the_first_run_folders_records_and_samples_are_read(old_run: Path) -> None:
    folder = RunFolder.open(old_run)
    (record,) = journal.read(folder)
    reading = record.readings["latency_warm"]
    assert reading.samples_file
    assert len(journal.load_samples(folder, "latency_warm", reading)) == reading.statistics.n
    board = make_leaderboard(folder.info, [record])
    assert board.rows[0].median("latency_warm") == reading.median
    assert verify(old_run) == []


def test_a_leaderboard_of_2_0_which_knows_no_paper_is_read(tmp_path: Path) -> None:
    board = read_leaderboard(HISTORIC / "1.0" / "leaderboard.json")
    old = tmp_path / "leaderboard.json"
    write_sealed(old, board.dump() | {"schema_version": "2.0"})
    assert '"published"' not in old.read_text()
    again = read_leaderboard(old)
    assert (again.schema_version, again.published, again.rows) == ("2.0", "", board.rows)
    assert verify(old) == []
