"""The papers' suites, whole, under a scripted clock: what is published, and tau."""

import json
from pathlib import Path

import pytest

from faking import sabench, write_script

SUITES = Path(__file__).parents[2] / "suites"
SLOW_ATTENTION = (
    {"match": "*mix=*", "seconds": 0.2, "seconds_per_mac": 1e-11},
    {"match": "*", "seconds": 0.05, "seconds_per_mac": 1e-11},
)
TAU = "Kendall's tau of"


def profile(folder: Path, suite: str | Path, *arguments: str) -> str:
    """The table of a run into folder/run."""
    script = write_script(folder / "script.json", *SLOW_ATTENTION)
    done = sabench(
        *("profile", "--suite", str(suite), "--device", "cpu", "--axis", "runtime=fake"),
        *("--out", "run", *arguments),
        cwd=folder,
        **script,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the suite of the stand-alone paper was profiled into `run`."""
    folder = tmp_path_factory.mktemp("sasa")
    (folder / "stdout.txt").write_text(profile(folder, SUITES / "sasa_paper.yaml"))
    return folder


def test_profile_and_show_print_what_the_paper_prints_and_tau(folder: Path) -> None:
    profiled = (folder / "stdout.txt").read_text()
    words = " ".join(profiled.split())
    assert "published: FLOPs as sasa prints them" in words
    assert f"{TAU} MACs against latency: " in words
    assert f"{TAU} published FLOPs against latency: " in words
    baseline = next(line for line in profiled.splitlines() if "8.2 G" in line)
    assert "4.09 G" in baseline  # half of it: multiply-accumulates
    assert sabench("show", "run", cwd=folder).stdout == profiled


def test_the_table_fits_80_columns(folder: Path) -> None:
    lines = (folder / "stdout.txt").read_text().splitlines()
    assert max(len(line.rstrip()) for line in lines) <= 80
    heading = next(line for line in lines if "published" in line and "network" in line)
    assert heading.split()[:2] == ["#", "network"]
    assert {"latency", "published", "MACs"} <= set(heading.split())


def test_json_has_the_published_figures_and_tau_and_the_file_does_not(folder: Path) -> None:
    item = json.loads(sabench("show", "run", "--json", cwd=folder).stdout)
    published = {
        row["case_id"].split("/")[1]: row["published"]["flops"]
        for row in item["rows"]
        if "published" in row and row["case"]["subject"] == "resnet50"
    }
    assert published["resolution=224,mix=self_attention"] == 7.0e9
    assert published["resolution=224,mix=self_attention,self_attention.window=3"] == 6.6e9
    assert published["resolution=224,mix=self_attention,stem=self_attention"] == 7.2e9
    macs, flops = item["agreements"]
    assert (macs["of"], macs["networks"]) == ("macs", 24)
    assert (flops["of"], flops["networks"]) == (
        "published_flops",
        len([row for row in item["rows"] if "published" in row]),
    )
    kept = (folder / "run" / "leaderboard.json").read_text()
    assert "agreements" not in kept
    assert json.loads(kept)["published"] == "sasa"


def test_markdown_has_both_too(folder: Path) -> None:
    text = sabench("show", "run", "--markdown", cwd=folder).stdout
    assert "| published |" in text
    assert f"{TAU} MACs against latency" in text


def test_a_resumed_run_still_knows_its_paper(folder: Path) -> None:
    script = write_script(folder / "script.json", *SLOW_ATTENTION)
    done = sabench("profile", "--resume", "run", cwd=folder, **script)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (folder / "stdout.txt").read_text()


@pytest.mark.slow
def test_a_suite_of_layers_has_neither(tmp_path: Path) -> None:
    text = profile(tmp_path, "quick", "--launcher", "inline")
    assert "published" not in text
    assert TAU not in text


@pytest.mark.slow
def test_networks_of_no_paper_have_tau_and_nothing_published(tmp_path: Path) -> None:
    text = profile(tmp_path, "networks", "--filter", "resnet50", "--launcher", "inline")
    assert "published" not in text
    assert f"{TAU} MACs against latency" in " ".join(text.split())


@pytest.mark.slow
def test_three_networks_of_a_paper_have_no_tau(tmp_path: Path) -> None:
    few = ("--filter", "resnet26", "--launcher", "inline")
    text = profile(tmp_path, SUITES / "sasa_paper.yaml", *few)
    assert "published" in text
    assert TAU not in text
