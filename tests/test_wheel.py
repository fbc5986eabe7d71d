"""The wheel works from anywhere: suites and leaderboards travel with it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from slowness import mostly_slow

ROOT = Path(__file__).parent.parent
RESULTS = sorted(path.relative_to(ROOT) for path in (ROOT / "results").glob("*/*.json"))
RANKS = [path for path in RESULTS if path.stem.endswith("-ranks")]
SUITES = sorted(path.stem for path in (ROOT / "suites").glob("*.yaml"))
BOARDS = [path for path in RESULTS if path not in RANKS]


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the built wheel, and nothing else, was installed."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist")]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = (folder / "dist").glob("*.whl")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"),
            *("--target", str(folder / "site"), str(wheel)),
        ],
        check=True,
        capture_output=True,
    )
    return folder


def sabench(elsewhere: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    variables = {"PYTHONPATH": str(elsewhere / "site"), "SABENCH_STATE": str(elsewhere / "state")}
    return subprocess.run(
        [sys.executable, "-P", "-m", "sabench", *arguments],
        cwd=elsewhere,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
    )


def test_two_leaderboards_or_more_are_there_to_ship() -> None:
    assert len(BOARDS) >= 2


def test_the_installed_copy_is_the_one_that_runs(elsewhere: Path) -> None:
    check = "import sabench; print(sabench.__file__)"
    done = subprocess.run(
        [sys.executable, "-P", "-c", check],
        env={**os.environ, "PYTHONPATH": str(elsewhere / "site")},
        capture_output=True,
        text=True,
        cwd=elsewhere,
    )
    assert Path(done.stdout.strip()).is_relative_to(elsewhere)


@pytest.mark.parametrize("suite", mostly_slow(SUITES, ("halo", "proxies").__contains__))
def test_every_suite_is_found(elsewhere: Path, suite: str) -> None:
    done = sabench(elsewhere, "profile", "--suite", suite, "--device", "cpu", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "Nothing was measured" in " ".join(done.stdout.split())  # whatever the width


@pytest.mark.parametrize("board", mostly_slow(BOARDS, BOARDS[0].__eq__), ids=str)
def test_every_shipped_leaderboard_is_shown(elsewhere: Path, board: Path) -> None:
    done = sabench(elsewhere, "show", str(board))
    assert done.returncode == 0, done.stderr
    assert json.loads((ROOT / board).read_text())["rank_by"].partition("_")[0] in done.stdout


@pytest.mark.parametrize("ranks", mostly_slow(RANKS, RANKS[0].__eq__), ids=str)
def test_shipped_ranks_are_told_again(elsewhere: Path, ranks: Path) -> None:
    done = sabench(elsewhere, "ranks", str(ranks))
    assert done.returncode == 0, done.stderr
    assert "Seed ceiling" in done.stdout


def test_the_papers_figures_are_there(elsewhere: Path) -> None:
    done = sabench(elsewhere, "verify")
    assert done.returncode == 0, done.stderr
    assert "102 rows" in done.stdout


@pytest.mark.slow
def test_the_installed_copy_measures(elsewhere: Path) -> None:
    done = sabench(
        *(elsewhere, "profile", "--suite", "quick", "--device", "cpu", "--out", "run"),
        *("--filter", "conv/*size=14*", "--set", "budget_s=0.1"),
    )
    assert done.returncode == 0, done.stderr
    assert (elsewhere / "run" / "leaderboard.json").is_file()
