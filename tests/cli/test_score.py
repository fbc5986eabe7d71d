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
    resumed = sabench("train", "--resume", "run", cwd=tmp_path)
    assert resumed.returncode == 3
    assert "is a run of sabench score: sabench score --resume run" in resumed.stderr
