"""`sabench score` as a shell runs it."""

import json
from pathlib import Path

import pytest

from faking import TRAINED_SUITE, sabench
from sabench.catalog.scores import SCORES


@pytest.mark.slow
def test_eight_scores_of_two_networks_in_a_table_and_a_leaderboard(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(TRAINED_SUITE)
    words = ("score", "--suite", "small.yaml", "--device", "cpu", "--out", "run")
    done = sabench(*words, cwd=tmp_path, COLUMNS="160")
    assert done.returncode == 0, done.stderr
    assert "Scored untrained on a minibatch of 32 images, with 3 draws" in done.stdout
    board = json.loads((tmp_path / "run" / "leaderboard.json").read_text())
    assert board["metrics"] == list(SCORES)
    conv, halo = sorted(board["rows"], key=lambda row: "halo" in row["case_id"])
    assert all(conv["figures"][name]["mean"] is not None for name in SCORES)
    assert "softmax" in halo["figures"]["synflow"]["reason"]
    assert all("/score." in row["case_id"] for row in board["rows"])
    assert "zen did not see 1 weight of 2 of 2 networks" in done.stdout
    assert conv["figures"]["snip"]["seen"] > 10
    (classifier,) = conv["figures"]["zen"]["unseen_weights"]
    assert classifier[0] == "classifier.weight"
    resumed = sabench("train", "--resume", "run", cwd=tmp_path)
    assert resumed.returncode == 3
    assert "is a run of sabench score: sabench score --resume run" in resumed.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--score", "synflow_own"), "'synflow_own' is no score; known: grad_norm"),
        (("--resume", "run", "--score", "zen"), "leave out --score"),
        (("--suite", "proxies", "--axis", "e=2"), "e=2: a score is of an untrained network"),
        (("--suite", "proxies", "--axis", "autocast=bf16"), "scores are computed in float64"),
        (("--suite", "proxies", "--axis", "dtype=tf32"), "scores are computed in float64"),
    ],
)
def test_a_mistake_is_one_line(words: tuple[str, ...], told: str, tmp_path: Path) -> None:
    done = sabench("score", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_scores_asked_for_by_name_are_the_columns_of_the_table(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(TRAINED_SUITE)
    words = ("--score", "synflow_absolute", "--score", "snip", "--filter", "halo")
    run = ("--suite", "small.yaml", "--device", "cpu", "--out", "run", "--launcher", "inline")
    done = sabench("score", *words, *run, cwd=tmp_path, COLUMNS="120")
    assert done.returncode == 0, done.stderr
    board = json.loads((tmp_path / "run" / "leaderboard.json").read_text())
    assert (board["metrics"], board["rank_by"]) == (
        ["synflow_absolute", "snip"],
        "synflow_absolute",
    )
    assert all(row["figures"]["synflow_absolute"]["median"] for row in board["rows"])
    assert "synflow_absolute" in done.stdout
