"""`sabench train` as a shell runs it: table, journal, curves, and killed at any moment."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from faking import TRAINED_SUITE as SUITE
from faking import sabench
from sabench.records import Status
from sabench.store import journal
from sabench.store.leaderboard import read_leaderboard
from sabench.store.run_folder import RunFolder
from sabench.store.verify import verify, verify_leaderboard

ONE_CHILD = (
    *("--filter", "width=0.125", "--out", "run", "--device", "cpu"),
    *("--isolation", "suite"),
)  # importing torch takes a child seconds

STATES = "checkpoints/*.pt"


@pytest.fixture(scope="module")
def trained(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A finished run of the suite."""
    cwd = tmp_path_factory.mktemp("trained")
    (cwd / "small.yaml").write_text(SUITE)
    words = ("--suite", "small.yaml", "--device", "cpu", "--out", "run", "--isolation", "suite")
    done = sabench("train", *words, cwd=cwd)
    return cwd, done


def records(run: Path) -> list[dict[str, Any]]:
    lines = (run / "journal.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines if "train." in line]


def test_every_network_is_trained_with_three_seeds(trained: Any) -> None:
    cwd, done = trained
    assert done.returncode == 0, done.stderr
    found = records(cwd / "run")
    trainings = [one for one in found if one["case_id"].split("/")[2].startswith("train.")]
    assert sorted(one["details"]["seed"] for one in trainings) == [0, 0, 1, 1, 2, 2]
    assert {one["details"]["data"]["train_images"] for one in trainings} == {96}
    assert all(len(one["details"]["curve"]) == 3 for one in trainings)
    hashes = {one["details"]["weights_sha256"] for one in trainings}
    assert len(hashes) == 6


def test_the_table_says_how_it_was_trained_and_shows_the_curve(trained: Any) -> None:
    cwd, done = trained
    shown = sabench("show", "run", cwd=cwd, COLUMNS="140").stdout
    assert "Trained for 3 epochs (over e) by adamw" in shown
    assert "with 3 seeds" in shown
    assert "accuracy" in shown
    assert "interval of the mean over the seeds" in shown
    assert "data xor:train=96,test=32" in shown
    assert not any(f"{factor} 1," in shown for factor in "crse")
    assert "▅" in shown or "▄" in shown
    assert done.stdout.splitlines()[0] == "Two small trainings (suite small, preset quick)"


def test_the_leaderboard_ranks_by_mean_accuracy_with_its_interval(trained: Any) -> None:
    cwd, _ = trained
    board = json.loads((cwd / "run" / "leaderboard.json").read_text())
    assert board["rank_by"] == "accuracy"
    assert board["recipe"]["epochs"] == 3
    for row in board["rows"]:
        figure = row["figures"]["accuracy"]
        values = figure["process_medians"]
        assert figure["mean"] == pytest.approx(sum(values) / 3)
        assert figure["interval_kind"] == "mean"
        middle = sum(values) / 3
        sd = (sum((value - middle) ** 2 for value in values) / 2) ** 0.5
        assert figure["high"] - figure["mean"] == pytest.approx(4.302653 * sd / 3**0.5, rel=1e-5)
        seeds = [
            one["details"]["curve"]
            for one in records(cwd / "run")
            if one["case_id"] == row["case_id"]
        ]
        assert len(row["curve"]) == len(seeds[0]) == 3
        for told, *epochs in zip(row["curve"], *seeds, strict=True):
            found = [one["accuracy"] for one in epochs]
            assert told["accuracy"] == pytest.approx(sum(found) / 3)
            assert (told["accuracy_least"], told["accuracy_most"]) == (min(found), max(found))


def test_nothing_is_left_of_the_checkpoints(trained: Any) -> None:
    cwd, _ = trained
    folder = cwd / "run" / "checkpoints"
    assert not folder.exists() or list(folder.iterdir()) == []


@pytest.mark.slow
def test_a_killed_training_goes_on_from_its_state_to_the_same_weights(tmp_path: Path) -> None:
    """The whole family is killed once a state is kept: twice, by which some training was in it."""
    (tmp_path / "small.yaml").write_text(SUITE)
    words = ("train", "--suite", "small.yaml", "--no-lock", *ONE_CHILD, "--set", "epochs=100")
    whole = [word if word != "run" else "whole" for word in words]
    assert sabench(*whole, cwd=tmp_path).returncode == 0
    for start in (words, ("train", "--resume", "run", "--no-lock")):
        process = subprocess.Popen(
            [sys.executable, "-m", "sabench", *start],
            cwd=tmp_path,
            env={**os.environ, "SABENCH_STATE": str(tmp_path / "state")},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        began = time.time()
        while not any(one.stat().st_mtime > began for one in (tmp_path / "run").glob(STATES)):
            assert time.time() < began + 120
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    done = sabench("train", "--resume", "run", "--no-lock", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found, expected = (
        {one["replicate"]: one["details"] for one in records(tmp_path / run)}
        for run in ("run", "whole")
    )
    assert {0, 1, 2} == found.keys() == expected.keys()
    for seed, one in expected.items():
        assert found[seed]["weights_sha256"] == one["weights_sha256"]
    assert any(one["resumed_at"] for one in found.values())
    assert not any(one["resumed_at"] for one in expected.values())


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--suite", "quick"), 2, "suite quick has no key train: there is nothing to train by"),
        (("--data", "digitz"), 2, "unknown data 'digitz'"),
        (("--data", "no/such/folder"), 2, "give a path that is there"),
        (("--data", "xor:distance=99"), 2, "does not fit into size=16"),
        (("--axis", "r=3"), 2, "r=3 does not divide resolution=16"),
        (("--axis", "e=7"), 2, "e=7 does not divide epochs="),
        (("--axis", "c=0"), 2, "c: 0 is not allowed, 1 to 1024"),
        (("--axis", "dtype=bf16"), 2, "weights are trained in fp32; use autocast=bf16"),
        (("--axis", "batch=8"), 2, "--axis batch: the suite's key train says it for all"),
        (("--data", "xor", "--axis", "data=digits"), 2, "--data says it already"),
        (("--preset", "gate"), 2, "preset 'gate' is not known; there are quick, standard, strict"),
        (("--suite", "mistaken.yaml"), 2, "mistaken.yaml:3:13: lr: -1 is not allowed, more than 0"),
        (("--resume", "nowhere"), 3, "not a run folder"),
    ],
)
def test_a_mistake_is_one_line(
    words: tuple[str, ...], code: int, told: str, tmp_path: Path
) -> None:
    (tmp_path / "mistaken.yaml").write_text(
        "name: mistaken\nnetworks: [{network: resnet26}]\ntrain: {lr: -1}\n"
    )
    done = sabench("train", *words, cwd=tmp_path, CUDA_VISIBLE_DEVICES="")
    assert done.returncode == code, done.stderr
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("command", "break_it", "told"),
    [
        pytest.param(
            "train",
            lambda f: (f / "test/1/0.png").write_bytes(b"\x89PNG\r\n"),
            "no image that can",
            marks=pytest.mark.slow,
        ),
        ("score", lambda f: (f / "train/0").rename(f / "train/2"), "is a class that test lacks"),
    ],
)
def test_broken_data_is_told_once_and_before_a_run_is_made(
    command: str, break_it: Callable[[Path], object], told: str, tmp_path: Path
) -> None:
    """By one line, not by each of the suite's trainings."""
    image = pytest.importorskip("PIL.Image")
    for name in ("train/0", "train/1", "test/0", "test/1"):
        (tmp_path / "data" / name).mkdir(parents=True)
        image.new("RGB", (16, 16)).save(tmp_path / "data" / name / "0.png")
    break_it(tmp_path / "data")
    (tmp_path / "small.yaml").write_text(SUITE)
    words = ("--suite", "small.yaml", "--data", "./data", "--out", "run", "--device", "cpu")
    done = sabench(command, *words, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_run_that_needs_data_which_are_gone_says_so(tmp_path: Path) -> None:
    """One that has nothing left to do needs none."""
    image = pytest.importorskip("PIL.Image")
    for name in ("train/0", "train/1", "test/0", "test/1"):
        (tmp_path / "data" / name).mkdir(parents=True)
        image.new("RGB", (16, 16)).save(tmp_path / "data" / name / "0.png")
    (tmp_path / "small.yaml").write_text(SUITE)
    words = ("--suite", "small.yaml", "--data", "./data", *ONE_CHILD)
    assert sabench("train", *words, cwd=tmp_path).returncode == 0
    (tmp_path / "data").rename(tmp_path / "away")
    assert sabench("train", "--resume", "run", cwd=tmp_path).returncode == 0
    folder = RunFolder.open(tmp_path / "run")
    late = journal.read(folder)[-1].model_copy(update={"status": Status.TIMEOUT, "readings": {}})
    lines = folder.journal_file.read_text().splitlines(keepends=True)
    folder.journal_file.write_text("".join(lines[:-1]))
    journal.append(folder, late)  # it has another try
    done = sabench("train", "--resume", "run", cwd=tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "give a path that is there" in done.stderr
    (tmp_path / "away").rename(tmp_path / "data")
    image.new("RGB", (16, 16), "red").save(tmp_path / "data" / "train/0/0.png")
    done = sabench("train", "--resume", "run", cwd=tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (3, 1)
    assert "are not those that the run began with" in done.stderr


@pytest.mark.slow
def test_a_training_that_leads_nowhere_has_a_status_and_keeps_its_curve(tmp_path: Path) -> None:
    wild = "train: {epochs: 3, batch: 32, optimizer: sgd, momentum: 0, lr: 100, clip: 0, warmup: 0}"
    (tmp_path / "wild.yaml").write_text(SUITE.replace("train: {epochs: 3, batch: 32}", wild))
    done = sabench("train", "--suite", "wild.yaml", *ONE_CHILD, cwd=tmp_path)
    assert done.returncode in (4, 6), done.stderr
    found = records(tmp_path / "run")
    assert {one["status"] for one in found} <= {"nonfinite", "diverged"}
    assert all(len(one["details"]["curve"]) == 1 for one in found)


def test_an_axis_of_trainings_means_nothing_to_a_profile(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(SUITE)
    done = sabench("profile", "--suite", "small.yaml", "--axis", "e=1,4", cwd=tmp_path)
    assert done.returncode == 2
    assert "--axis e: of trainings alone" in done.stderr


def test_two_data_sets_of_one_name_are_told_apart_or_refused(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder / "images").mkdir(parents=True)
    data = 'data: ["a/images", "b/images"]'
    (tmp_path / "two.yaml").write_text(SUITE.replace('data: "xor:train=96,test=32"', data))
    done = sabench("train", "--suite", "two.yaml", "--dry-run", cwd=tmp_path)
    assert done.returncode == 2
    assert "data: a/images and b/images have one name: rename one" in done.stderr


def test_a_training_is_not_resumed_as_a_profile(trained: Any) -> None:
    cwd, _ = trained
    done = sabench("profile", "--resume", "run", cwd=cwd)
    assert done.returncode == 3
    assert "is a run of sabench train: sabench train --resume run" in done.stderr


def test_a_suite_that_can_be_trained_is_profiled_without_its_trainings(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(SUITE)
    done = sabench("profile", "--suite", "small.yaml", "--dry-run", "--json", cwd=tmp_path)
    cases = json.loads(done.stdout)["cases"]
    assert len(cases) == 2
    assert all("data=" not in one["case_id"] for one in cases)


@pytest.mark.slow
def test_an_image_that_no_layer_fits_is_an_unsupported_case_and_the_others_go_on(
    tmp_path: Path,
) -> None:
    """The task is of 16 px: at another resolution it is no task any more."""
    (tmp_path / "small.yaml").write_text(SUITE.replace("resolution: 16", "resolution: [16, 32]"))
    done = sabench("train", "--suite", "small.yaml", *ONE_CHILD, cwd=tmp_path)
    assert done.returncode == 0
    assert "write xor:size=32" in done.stdout


@pytest.mark.slow
def test_the_page_of_a_training_says_how_to_do_each_row_again(trained: Any) -> None:
    pytest.importorskip("altair")
    cwd, _ = trained
    done = sabench("report", "run", "-o", "page.html", cwd=cwd)
    assert done.returncode == 0, done.stderr
    page = (cwd / "page.html").read_text()
    assert "sabench train --suite small.yaml" in page
    assert "sabench profile" not in page
    assert "95 % of the mean" in page


def test_a_leaderboard_of_trainings_is_verified(trained: Any) -> None:
    cwd, _ = trained
    assert verify(cwd / "run") == []
    board = read_leaderboard(cwd / "run")
    row = board.rows[0]
    wider = row.figures["accuracy"].model_copy(update={"high": 2.0})
    other = row.model_copy(update={"figures": row.figures | {"accuracy": wider}})
    told = verify_leaderboard(board.model_copy(update={"rows": (other, *board.rows[1:])}))
    assert f"{row.case_id}: accuracy: the interval does not follow" in told[0]


def test_the_same_training_compared_with_itself_is_the_same(trained: Any) -> None:
    cwd, _ = trained
    done = sabench("compare", "run", "run", "--metric", "epoch_time", cwd=cwd)
    assert done.returncode == 0, done.stderr
    assert "REGRESSED" not in done.stdout
