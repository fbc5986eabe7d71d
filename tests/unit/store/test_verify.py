"""What is stated must follow from what was measured."""

from pathlib import Path
from typing import Any

import pytest

from making_runs import case, new_run, preset, record_of
from sabench.errors import ResultError
from sabench.records import Record, Statistics
from sabench.store import journal
from sabench.store.leaderboard import (
    Leaderboard,
    make_leaderboard,
    read_leaderboard,
    write_leaderboard,
)
from sabench.store.run_folder import RunFolder
from sabench.store.verify import verify


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """A finished run of two cases and two processes; the samples of one lie apart."""
    folder = new_run(tmp_path / "run", (case("conv"), case("halo")))
    for index, job in enumerate(folder.info.jobs()):
        count = 210 if job.case.subject == "halo" else 12
        samples = tuple(1.0 + index + 0.01 * number for number in range(count))
        journal.append(folder, record_of(job, samples))
    keep(folder)
    return folder


def keep(folder: RunFolder) -> None:
    board = make_leaderboard(folder.info, journal.read(folder))
    write_leaderboard(folder.leaderboard_file, board)


def plant(folder: RunFolder, change: dict[str, Any]) -> Leaderboard:
    """The leaderboard with its first row changed, properly sealed."""
    board = read_leaderboard(folder.path)
    rows = (board.rows[0].model_copy(update=change), *board.rows[1:])
    changed = board.model_copy(update={"rows": rows})
    write_leaderboard(folder.leaderboard_file, changed)
    return changed


def test_an_honest_run_adds_up(folder: RunFolder) -> None:
    assert verify(folder.path) == []
    assert verify(folder.leaderboard_file) == []


def test_a_better_rank_is_seen(folder: RunFolder) -> None:
    plant(folder, {"rank": 2})
    assert verify(folder.leaderboard_file) == ["the ranks do not follow from the figures"]
    assert "leaderboard.json is not what the journal gives" in verify(folder.path)


def test_a_narrower_interval_is_seen(folder: RunFolder) -> None:
    figure = read_leaderboard(folder.path).rows[0].figures["latency_warm"]
    narrow = {
        "latency_warm": figure.model_copy(update={"low": figure.median, "high": figure.median})
    }
    plant(folder, {"figures": narrow})
    (told, *_) = verify(folder.leaderboard_file)
    assert "latency_warm: the interval does not follow from the process medians" in told


def test_another_median_is_seen_against_the_journal(folder: RunFolder) -> None:
    plant(folder, {"message": "all is well"})
    assert verify(folder.leaderboard_file) == []
    assert verify(folder.path) == ["leaderboard.json is not what the journal gives"]


def test_statistics_that_do_not_follow_from_the_samples_are_seen(tmp_path: Path) -> None:
    folder = new_run(tmp_path / "run", (case(),), preset=preset(processes=1))
    (job,) = folder.info.jobs()
    record = record_of(job, (1.0, 2.0, 3.0))
    reading = record.readings["latency_warm"]
    assert reading.statistics is not None
    better = reading.statistics.model_copy(update={"median": 1.5})
    lie = {"latency_warm": reading.model_copy(update={"statistics": better})}
    journal.append(folder, record.model_copy(update={"readings": lie}))
    (told,) = verify(folder.path)
    assert told.endswith("latency_warm: median does not follow from the samples")


@pytest.mark.parametrize("as_independent", [True, False])
def test_an_interval_is_held_to_the_rule_of_the_version_that_wrote_it(
    tmp_path: Path, as_independent: bool
) -> None:
    """Samples held for ten in a row; a record without an effective count is an older one."""
    folder = new_run(tmp_path / "run", (case(),), preset=preset(processes=1))
    (job,) = folder.info.jobs()
    samples = tuple(float(level) for level in (1, 9, 2, 8, 3, 7) for _ in range(10))
    record = record_of(job, samples)
    told = Statistics.of(samples, as_independent=as_independent)
    other = Statistics.of(samples, as_independent=not as_independent)
    assert (told.low, told.high) != (other.low, other.high)
    for statistics, faults in ((told, 0), (told.model_copy(update={"low": other.low}), 1)):
        reading = record.readings["latency_warm"].model_copy(update={"statistics": statistics})
        changed = record.model_copy(update={"readings": {"latency_warm": reading}})
        again = Record.model_validate(changed.dump())
        found = journal.disagreements(again.readings["latency_warm"], samples)
        assert found == ["low"] * faults


def test_changed_and_lost_samples_are_seen(folder: RunFolder) -> None:
    first, second = sorted(folder.samples.iterdir())
    first.write_text(first.read_text().replace("1.", "0.", 1).replace("2.", "0.", 1))
    second.unlink()
    told = " ".join(verify(folder.path))
    assert f"{first}: latency_warm: the samples are not those that were measured" in told
    assert f"{second}: cannot read" in told


def test_what_is_no_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="not a run folder"):
        verify(tmp_path)
