"""`sabench compare` where two of its results are one run: every way of showing it says so."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from faking import sabench
from making_rows import NOISY, board_of, row_of
from making_runs import case, environment
from sabench.records import Status
from sabench.store.leaderboard import Row, write_leaderboard

LATER = "2026-01-02T00:00:00+00:00"


def rows(seconds: float = 1e-3) -> list[Row]:
    return [row_of(case(subject), seconds) for subject in ("conv", "halo")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run as `base.json`, and a copy of it; another run of the same figures as `later.json`."""
    write_leaderboard(tmp_path / "base.json", board_of(rows()))
    shutil.copy(tmp_path / "base.json", tmp_path / "copy.json")
    write_leaderboard(tmp_path / "later.json", board_of(rows(), started_utc=LATER))
    return tmp_path


def compare(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return sabench("compare", *words, cwd=folder)


def flat(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("again", ["base.json", "copy.json"])
def test_a_run_against_itself_is_told_in_a_line_and_strict_minds_it(
    again: str, folder: Path
) -> None:
    done = compare(folder, "base.json", again, "--markdown", "told.md")
    assert (done.returncode, done.stderr) == (0, "")
    line = f"{again} and base.json are one run, named twice: the same records tell no difference"
    assert flat(done.stdout).count(line) == 1
    assert f"- {line}".replace("_", "\\_") in (folder / "told.md").read_text().splitlines()
    assert compare(folder, "base.json", again, "--strict").returncode == 4


def test_a_folder_and_the_leaderboard_in_it_are_one_run(folder: Path) -> None:
    (folder / "run").mkdir()
    shutil.copy(folder / "base.json", folder / "run" / "leaderboard.json")
    told = json.loads(compare(folder, "run", "run/leaderboard.json", "--json").stdout)
    assert told["comparisons"][0]["same_run_as"] == "run"


def test_another_run_is_none_however_alike_its_figures_are(folder: Path) -> None:
    done = compare(folder, "base.json", "later.json", "--strict")
    assert (done.returncode, "one run" in done.stdout) == (0, False)


def test_of_three_results_the_two_that_are_one_run_are_named(folder: Path) -> None:
    done = compare(folder, "later.json", "base.json", "copy.json", "--json")
    told = json.loads(done.stdout)["comparisons"]
    assert [one["same_run_as"] for one in told] == [None, "base.json"]
    shown = flat(compare(folder, "later.json", "base.json", "copy.json").stdout)
    assert shown.count("copy.json and base.json are one run") == shown.count("one run") == 1


def test_what_was_kept_of_a_run_is_the_run(folder: Path) -> None:
    """Cases that were left out, or have no figures there, do not make another run of it."""
    lost = rows()[1].model_copy(update={"status": Status.CRASH, "figures": {}})
    write_leaderboard(folder / "kept.json", board_of([rows()[0], lost]))
    told = json.loads(compare(folder, "base.json", "kept.json", "--json").stdout)
    assert told["comparisons"][0]["same_run_as"] == "base.json"
    write_leaderboard(folder / "kept.json", board_of([rows()[0], row_of(case("halo"), 2e-3)]))
    told = json.loads(compare(folder, "base.json", "kept.json", "--json").stdout)
    assert told["comparisons"][0]["same_run_as"] is None


def test_a_side_that_lies_beside_itself_is_told_too(folder: Path) -> None:
    noisy = [row_of(case("conv"), 2e-3, NOISY)]
    write_leaderboard(folder / "other.json", board_of(noisy, environment("Another CPU")))
    words = ("base.json", "other.json", "copy.json", "--across", "device")
    done = compare(folder, *words)
    assert done.returncode == 0
    assert flat(done.stdout).count("copy.json and base.json are one run, named twice") == 1
    told = json.loads(compare(folder, *words, "--json").stdout)
    assert [side["same_run_as"] for side in told["sides"]] == [None, None, "base.json"]
    wanted = (*words, "--allow-missing", "--strict")
    assert compare(folder, *wanted).returncode == 4


def test_the_sides_of_one_result_are_no_run_named_twice(tmp_path: Path) -> None:
    both = [row_of(case(threads=threads), 1e-3) for threads in (1, 2)]
    write_leaderboard(tmp_path / "both.json", board_of(both))
    done = compare(tmp_path, "both.json", "--across", "threads", "--strict")
    assert (done.returncode, "one run" in done.stdout) == (0, False)
