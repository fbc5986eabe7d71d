"""The main job as a user meets it: real children, real figures, the shortest preset."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from forking import run_command

measures = pytest.mark.serial

HERE = Path(__file__).parent
STRANGERS = HERE.parent / "fixtures" / "layers" / "strangers.py"

TINY = """\
name: tiny
title: Two layers, as small as they come
axes: {channels: 8, size: 7}
layers:
  - {layer: conv}
  - {layer: halo, block: 4, halo: 1, heads: 2, implementation: blocked}
"""


FEW = "metrics: [latency_warm, macs, params]\n"
UNTIMED = "metrics: [macs, params]\nrank_by: macs\n"
BRIEF = tuple(
    word
    for constant in ("processes=1", "warmup_min_s=0.02", "warmup_max_s=0.1", "budget_s=0.1")
    for word in ("--set", constant)
)
"""Both of a test that asks nothing of the figures."""


def sabench(*arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run one command in its own process, as a shell would."""
    environment = {**os.environ, "COLUMNS": "80", "SABENCH_STATE": str(cwd / "state"), **variables}
    return run_command(arguments, cwd, environment)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the tiny suite was measured into `run`."""
    folder = tmp_path_factory.mktemp("profile")
    (folder / "tiny.yaml").write_text(TINY)
    done = sabench(
        *("profile", "--suite", "tiny.yaml", "--device", "cpu", "--out", "run"),
        *("--csv", "table.csv", "--markdown", "table.md"),
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    (folder / "stdout.txt").write_text(done.stdout)
    (folder / "stderr.txt").write_text(done.stderr)
    return folder


@measures
def test_profile_prints_a_ranked_table_that_fits_80_columns(measured: Path) -> None:
    lines = (measured / "stdout.txt").read_text().splitlines()
    rows = json.loads((measured / "run" / "leaderboard.json").read_text())["rows"]
    conv = next(row for row in rows if row["case"]["subject"] == "conv")
    told = "1.00" if conv["status"].startswith("ok") else "contended"  # the machine was not ours
    assert any(told in line for line in lines)
    assert any(line.lstrip("- 1234567890").startswith("conv") for line in lines)
    assert any("halo block=4" in line for line in lines)
    table = [line for line in lines if "─" in line or "latency" in line]
    assert max(len(line.rstrip()) for line in table) <= 80


@measures
def test_profile_writes_a_leaderboard_with_every_case(measured: Path) -> None:
    board = json.loads((measured / "run" / "leaderboard.json").read_text())
    assert board["schema"] == "sabench.leaderboard"
    assert {row["case"]["subject"] for row in board["rows"]} == {"conv", "halo"}


@measures
def test_macs_in_the_record_are_the_closed_form_by_hand(measured: Path) -> None:
    rows = json.loads((measured / "run" / "leaderboard.json").read_text())["rows"]
    conv = next(row for row in rows if row["case"]["subject"] == "conv")
    assert conv["figures"]["macs"]["median"] == 9 * 8 * 8 * 7 * 7
    assert conv["figures"]["flops"]["median"] == 2 * 9 * 8 * 8 * 7 * 7
    assert conv["figures"]["params"]["median"] == 9 * 8 * 8


@measures
def test_counters_and_what_they_did_not_count_stand_in_the_record(measured: Path) -> None:
    lines = (measured / "run" / "journal.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    halo = next(
        record
        for record in records
        if record["case_id"].startswith("halo") and "parity" not in record["job_id"]
    )
    for counter in ("macs_flop_counter", "macs_fvcore", "macs_ptflops"):
        details = halo["readings"][counter]["details"]
        assert details["version"]
        assert "uncounted_ops" in details
    assert "aten._softmax" in halo["readings"]["macs_flop_counter"]["details"]["uncounted_ops"]


@measures
def test_show_prints_the_same_table_again(measured: Path) -> None:
    done = sabench("show", "run", cwd=measured)
    assert done.returncode == 0
    assert done.stdout == (measured / "stdout.txt").read_text()


@measures
def test_csv_and_markdown_are_written_on_request(measured: Path) -> None:
    header, *rows = (measured / "table.csv").read_text().splitlines()
    assert header.startswith("case_id,device,status,rank")
    assert len(rows) == 2
    assert "| # | layer |" in (measured / "table.md").read_text()


@measures
def test_resuming_a_finished_run_measures_nothing(measured: Path) -> None:
    journal = measured / "run" / "journal.jsonl"
    before = journal.read_bytes()
    done = sabench("profile", "--resume", "run", cwd=measured)
    assert done.returncode == 0, done.stderr
    assert journal.read_bytes() == before


def test_a_dry_run_says_cases_drops_and_time_and_measures_nothing(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY.replace("halo: 1", "halo: [1, 2]"))
    done = sabench(
        *("profile", "--suite", "tiny.yaml", "--device", "cpu", "--dry-run"),
        *("--axis", "stride=1,3"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "block=4 is not a multiple of stride=3" in " ".join(done.stdout.split())
    assert "4 cases on cpu, preset quick (1 process a case): about" in done.stdout
    assert not (tmp_path / "runs").exists()


def test_a_layer_from_a_file_is_measured_and_its_macs_are_marked_unverified(
    tmp_path: Path,
) -> None:
    (tmp_path / "tiny.yaml").write_text(FEW + TINY)
    done = sabench(
        *("profile", "--suite", "tiny.yaml", "--device", "cpu", "--out", "run", "--json"),
        *BRIEF,
        *("--layer", f"{STRANGERS}:Doubling", "--filter", "Doubling"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)["rows"]
    assert row["case"]["subject"] == "Doubling"
    assert row["figures"]["macs"]["median"] == 8 * 8 * 7 * 7
    assert row["figures"]["macs"]["flags"] == ["macs_unverified"]
    assert row["figures"]["latency_warm"]["median"] > 0


@pytest.mark.slow
def test_a_layer_of_an_installed_package_is_measured(tmp_path: Path) -> None:
    (tmp_path / "suite.yaml").write_text(
        FEW
        + "name: strange\naxes: {channels: 8, size: 7}\nlayers: [{layer: stranger_blur, taps: 5}]\n"
    )
    done = sabench(
        *("profile", "--suite", "suite.yaml", "--device", "cpu", "--out", "run", "--json"),
        *BRIEF,
        cwd=tmp_path,
        PYTHONPATH=str(HERE.parent / "stranger"),
    )
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)["rows"]
    assert row["case_id"].startswith("stranger_blur/channels=8,size=7,taps=5/")
    assert row["figures"]["params"]["median"] == 64
    assert row["figures"]["latency_warm"]["median"] > 0


@pytest.mark.slow
def test_a_layer_may_import_its_neighbours_and_what_lies_in_the_working_directory(
    tmp_path: Path,
) -> None:
    (tmp_path / "tiny.yaml").write_text(UNTIMED + TINY)
    for folder, text in (("mine", "KERNEL = 3\n"), ("models", "STRIDE = 1\n")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"in_{folder}.py").write_text(text)
    (tmp_path / "mine" / "__init__.py").write_text("")
    (tmp_path / "models" / "layer.py").write_text(
        "from in_models import STRIDE\nfrom mine.in_mine import KERNEL\nfrom torch import nn\n"
        "class Mine(nn.Conv2d):\n    def __init__(self, c_in, c_out):\n"
        "        super().__init__(c_in, c_out, KERNEL, STRIDE)\n"
    )
    done = sabench(
        *("profile", "--suite", "tiny.yaml", "--device", "cpu", "--out", "run", "--json"),
        *BRIEF,
        *("--layer", "models/layer.py:Mine", "--filter", "Mine", "--csv", "run/table.csv"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "table.csv").is_file()


def test_an_installed_layer_that_cannot_be_imported_spoils_only_its_own_case(
    tmp_path: Path,
) -> None:
    shutil.copytree(HERE.parent / "stranger", tmp_path / "site")
    (tmp_path / "site" / "stranger" / "blur.py").write_text("raise RuntimeError('no licence')\n")
    (tmp_path / "suite.yaml").write_text(
        UNTIMED + "name: strange\naxes: {channels: 8, size: 7}\n"
        "layers: [{layer: stranger_blur}, {layer: conv}]\n"
    )
    done = sabench(
        *("profile", "--suite", "suite.yaml", "--device", "cpu", "--out", "run", "--json"),
        *BRIEF,
        cwd=tmp_path,
        PYTHONPATH=str(tmp_path / "site"),
    )
    assert done.returncode == 6, done.stderr
    rows = {row["case"]["subject"]: row for row in json.loads(done.stdout)["rows"]}
    assert rows["stranger_blur"]["status"] == "error"
    assert "no licence" in rows["stranger_blur"]["message"]
    assert rows["conv"]["figures"]["macs"]["median"] == 9 * 8 * 8 * 7 * 7


def test_a_ranking_that_the_preset_cannot_measure_is_refused(tmp_path: Path) -> None:
    (tmp_path / "suite.yaml").write_text(
        "name: grown\nmetrics: [peak_rss_growth]\nrank_by: peak_rss_growth\n"
        "layers: [{layer: conv}]\n"
    )
    done = sabench("profile", "--suite", "suite.yaml", "--device", "cpu", cwd=tmp_path)
    assert done.returncode == 2
    assert "preset quick grants no process apart" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["profile", "--suite", "hallo"], 2, "nearest: halo"),
        (["profile", "--preset", "slow"], 2, "quick, standard, strict"),
        (["profile", "--set", "width=1"], 2, "no such constant; there are processes"),
        (["profile", "--set", "half_width"], 2, "write KEY=VALUE"),
        (["profile", "--resume", "run", "--set", "budget_s=1"], 2, "leave out --set"),
        (["profile", "--layer", "nowhere.py:Layer"], 2, "nowhere.py"),
        (["profile", "--axis", "size"], 2, "key=value"),
        (["profile", "--filter", "nothing"], 2, "keeps none"),
        (["profile", "--device", "cpu", "--axis", "batch=100000"], 2, "--dry-run shows all"),
        (["profile", "--device", "cpu", "--axis", "dtype=tf32"], 2, "dtype=tf32 needs cuda, not"),
        (["profile", "--resume", "run", "--dry-run"], 2, "leave out --dry-run"),
        (["profile", "--resume", "run", "--suite", "halo"], 2, "leave out --suite"),
        (["profile", "--csv", "nowhere/table.csv"], 2, "there is no folder nowhere"),
        (["profile", "--memory-limit", "1KiB"], 2, "no child starts in that; write 256 MiB"),
        (["profile", "--markdown", ".."], 2, "is a folder; name a file in it"),
        (["profile", "--launcher", "rocket"], 2, "process, inline"),
        (["count", "halo", "size=28", "--resolution", "14"], 2, "disagree"),
        (["profile", "--device", "tpu"], 2, "there are auto, cpu, cuda"),
        (["profile", "--resume", "nowhere"], 3, "nowhere"),
        (["profile", "--memory-limit", "much"], 2, "8GiB"),
        (["count", "halo", "heads=7"], 2, "does not divide"),
        (["count", "resnet5"], 2, "nearest: resnet50"),
        (["count", "conv", "window=2"], 2, "even"),
        (["show", "nowhere"], 3, "nowhere"),
    ],
)
def test_a_mistake_is_one_line_and_its_documented_code(
    arguments: list[str], code: int, told: str, tmp_path: Path
) -> None:
    done = sabench(*arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert told in done.stderr
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["profile", "tune", "train", "score", "gate"])
def test_a_seed_that_no_generator_takes_is_a_usage_error(command: str, tmp_path: Path) -> None:
    done = sabench(command, "--seed", str(2**63), cwd=tmp_path)
    assert done.returncode == 2
    assert "'--seed'" in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_table_that_cannot_be_written_is_told_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "shut").mkdir(mode=0o500)
    done = sabench("profile", "--csv", "shut/table.csv", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "nothing can be written in shut" in done.stderr


@pytest.mark.skipif(
    os.environ.get("CUDA_VISIBLE_DEVICES") != "" and Path("/dev/nvidia0").exists(),
    reason="this machine has a CUDA device",
)
def test_a_device_that_is_not_there_is_one_line_and_exit_5(tmp_path: Path) -> None:
    done = sabench("profile", "--suite", "halo", "--device", "cuda", cwd=tmp_path)
    assert done.returncode == 5
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("error: device cuda: ")
