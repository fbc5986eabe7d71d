"""A wrong implementation, planted by an installed package, from the command line to the exit code.

Planted: `sees_the_border` (a mask forgotten) and `forgets_a_gradient` (right forward, wrong
backward). Without the parity job both are measured and ranked first.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sabench.records import MEASURED, SHOWN

measures = pytest.mark.serial  # beside other work a case has no rank, and is tried again

SABOTEUR = Path(__file__).parents[1] / "fixtures" / "saboteur"
SUITE = """\
name: planted
axes: {channels: 8, size: 7}
metrics: [latency_warm]
layers:
  - {layer: conv}
  - {layer: halo, block: 4, halo: 1, heads: 2, implementation: blocked}
"""


SHARED = ("--set", "slow_core=0")  # a core that another machine shares is no matter of parity
PLANTED = ("--suite", "planted.yaml", "--device", "cpu", *SHARED)


def profile(folder: Path, *words: str, fault: str = "") -> tuple[int, dict[str, Any], str]:
    """Exit code, JSON and stderr of a run of the suite under a fault."""
    (folder / "planted.yaml").write_text(SUITE)
    variables = {
        "SABENCH_STATE": str(folder / "state"),
        "PYTHONPATH": str(SABOTEUR),
        "SABOTEUR": fault,
    }
    done = subprocess.run(
        [sys.executable, "-m", "sabench", "profile", *words],
        cwd=folder,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, json.loads(done.stdout or "{}"), done.stderr


def rows_of(board: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["case"]["subject"]: row for row in board["rows"]}


def journal_of(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "journal.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, dict[str, Any], str]:
    """A run in which `blocked` forgets the mask at the border."""
    folder = tmp_path_factory.mktemp("planted")
    words = (*PLANTED, "--out", "run", "--json")
    return folder, *profile(folder, *words, fault="sees_the_border")


@measures
def test_a_wrong_implementation_has_no_figures_and_makes_the_exit_code_6(
    planted: tuple[Path, int, dict[str, Any], str],
) -> None:
    _, code, board, told = planted
    assert code == 6, told
    halo, conv = rows_of(board)["halo"], rows_of(board)["conv"]
    assert halo["status"] == "parity_failed"
    assert "blocked is not halo: its output differs from the reference's by" in halo["message"]
    assert "figures" not in halo or not any("median" in one for one in halo["figures"].values())
    assert conv["status"] in SHOWN


@measures
def test_the_journal_has_the_parity_job_and_the_largest_difference(
    planted: tuple[Path, int, dict[str, Any], str],
) -> None:
    first, *others = journal_of(planted[0] / "run")
    assert first["job_id"].endswith("-parity-0")
    assert first["status"] == "parity_failed"
    assert {one["tensor"] for one in first["details"]["differences"].values()} == {"output"}
    assert all(one["relative"] > 1e-2 for one in first["details"]["differences"].values())
    assert [one["status"] for one in others if one["case_id"].startswith("halo")] == [
        "parity_failed"
    ]


@measures
def test_resuming_does_not_measure_it_after_all(
    planted: tuple[Path, int, dict[str, Any], str],
) -> None:
    before = journal_of(planted[0] / "run")
    code, board, told = profile(planted[0], "--resume", "run", "--json")
    assert (code, rows_of(board)["halo"]["status"]) == (6, "parity_failed"), told
    assert journal_of(planted[0] / "run") == before


@measures
@pytest.mark.slow
def test_a_wrong_gradient_is_found_only_where_gradients_are_measured(tmp_path: Path) -> None:
    words = (*PLANTED, "--filter", "halo", "--json")
    words += ("--axis", "mode=forward,forward_backward")
    code, board, told = profile(tmp_path, *words, fault="forgets_a_gradient")
    assert code == 6, told
    by_mode = {row["case"].get("mode", "forward"): row for row in board["rows"]}
    assert by_mode["forward_backward"]["status"] == "parity_failed"
    assert "its gradient of" in by_mode["forward_backward"]["message"]
    assert by_mode["forward"]["figures"]["latency_warm"]["median"] > 0
    (known,) = (one for one in (tmp_path / "state").glob("*.json") if "." not in one.stem)
    learnt = {key: len(walls) for key, walls in json.loads(known.read_text())["walls_s"].items()}
    once = {1} if by_mode["forward"]["status"] in MEASURED else set()  # else disturbed
    assert set(learnt.values()) == once  # what the forward's parity job took is no case's time


@pytest.mark.slow
def test_a_network_hangs_on_the_layer_in_its_slots(tmp_path: Path) -> None:
    (tmp_path / "nets.yaml").write_text(
        "name: nets\nmetrics: [latency_warm]\nlayers: [{layer: conv, channels: 8, size: 7}]\n"
        "networks: [{network: resnet26, mix: 'conv,conv,conv,halo', resolution: 64, "
        "implementation: blocked}]\n"
    )
    words = ("--suite", "nets.yaml", "--device", "cpu", "--json", *SHARED)
    code, board, told = profile(tmp_path, *words, fault="sees_the_border")
    assert code == 6, told
    assert rows_of(board)["conv"]["figures"]["latency_warm"]["median"] > 0
    assert rows_of(board)["resnet26"]["status"] == "parity_failed"


def test_a_dry_run_shows_the_parity_jobs_and_their_time(tmp_path: Path) -> None:
    code, plan, told = profile(tmp_path, *PLANTED, "--dry-run", "--json")
    assert code == 0, told
    (parity,) = plan["parity"]
    assert parity["case_id"] == "halo/channels=8,size=7,block=4,halo=1,heads=2/" + (
        "forward.fp32.blocked.eager"
    )
    assert 0 < parity["predicted_s"] < 1
