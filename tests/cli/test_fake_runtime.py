"""The whole pipeline, suite to table, under a scripted clock: what the script says comes out."""

import json
import platform
from pathlib import Path
from typing import Any

import pytest

from faking import fake_case, plant, sabench, write_script
from making_runs import case, new_run, preset, record_of
from sabench.launch.inline import InlineLauncher
from sabench.launch.process import ProcessLauncher
from sabench.launch.request import Request, plan_run, start_run
from sabench.launch.sweep import sweep
from sabench.records import Flag, Record, Status
from sabench.store import journal
from sabench.store.leaderboard import Leaderboard, make_leaderboard

SUITE = """\
name: faked
title: Figures from a script
axes: {channels: 64, size: [28, 14], runtime: fake}
layers:
  - {layer: conv}
  - {layer: halo, block: 7, halo: 1}
  - {layer: squeeze_excite}
"""
NOISY = {"stream": "white", "sigma": 0.01, "seconds_per_mac": 1e-11}
MADE_UP = "Made up: runtime fake took the figures from a script; they measure nothing."


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working directory with the suite."""
    (tmp_path / "faked.yaml").write_text(SUITE)
    return tmp_path


def profile(folder: Path, out: str, **variables: str) -> str:
    """The table of a run of the command, and its leaderboard without what is told of the run."""
    done = sabench(
        *("profile", "--suite", "faked.yaml", "--device", "cpu", "--seed", "5", "--out", out),
        cwd=folder,
        **variables,
    )
    assert done.returncode == 0, done.stderr
    board = json.loads((folder / out / "leaderboard.json").read_text())
    rows = json.dumps([board["title"], board["preset"], board["rows"]])
    return done.stdout + rows


def test_the_same_seed_gives_the_same_table_byte_for_byte(folder: Path) -> None:
    script = write_script(folder / "script.json", NOISY, seed=1)
    first = profile(folder, "first", **script)
    assert MADE_UP in first
    assert profile(folder, "second", **script) == first
    (file,) = (folder / "state").glob("*.json")
    known = json.loads(file.read_text())
    assert (known["walls_s"], known["rates"]) == ({}, {})  # a script teaches nothing of a device
    shown = sabench("show", "first", "--markdown", cwd=folder, outside_tests=True)
    assert MADE_UP in shown.stdout


@pytest.mark.parametrize("option", ["", "--identify"])
def test_the_hosts_name_is_kept_only_where_it_is_asked_for(option: str, folder: Path) -> None:
    words = (*("profile", "--suite", "faked.yaml", "--device", "cpu", "--out", "run"), option)
    done = sabench(*filter(None, words), cwd=folder, **write_script(folder / "script.json", NOISY))
    assert done.returncode == 0, done.stderr
    kept = json.loads((folder / "run" / "run.json").read_text())["environments"]["cpu"]["facts"]
    assert kept.get("host_name") == (platform.node() if option else None)


def measured(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *rules: dict[str, Any],
    axes: dict[str, tuple[Any, ...]] | None = None,
    **request: Any,
) -> tuple[Leaderboard, list[Record]]:
    """The suite under a script, through a real child."""
    plant(monkeypatch, folder, *rules)
    asked = Request(
        suite=str(folder / "faked.yaml"), device="cpu", seed=5, axes=axes or {}, **request
    )
    run = start_run(asked, plan_run(asked), folder / "run")
    sweep(run, ProcessLauncher())
    records = journal.read(run)
    return make_leaderboard(run.info, records), records


def test_ranks_and_ratios_are_those_of_the_script(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = [
        {"match": "conv/*", "seconds": 2e-3},
        {"match": "halo/*", "seconds": 5e-3},
        {"match": "*size=14/*", "seconds": 1e-3},
        {"match": "*", "seconds": 2e-3},
    ]
    board, records = measured(folder, monkeypatch, *rules)
    found = {
        (row.case.subject, row.case.size): (
            row.rank,
            row.tied,
            row.relative,
            row.median("latency_warm"),
        )
        for row in board.rows
    }
    assert found == {
        ("conv", 28): (1, True, 1.0, 2e-3),
        ("squeeze_excite", 28): (1, True, 1.0, 2e-3),
        ("halo", 28): (3, False, 2.5, 5e-3),
        ("squeeze_excite", 14): (1, False, 0.5, 1e-3),
        ("conv", 14): (2, False, 1.0, 2e-3),
        ("halo", 14): (3, False, 2.5, 5e-3),
    }
    assert {record.status for record in records} == {Status.OK}
    assert all(record.readings["latency_warm"].details["made_up"] for record in records)


def test_what_the_script_disturbs_is_flagged_and_the_rest_is_not(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six cases told apart by their size, one disturbance each."""
    noise = {"stream": "white", "sigma": 0.001}
    hot = {"device": [{"events": ["hw_thermal_slowdown"], "sm_clock_mhz": 1400.0}]}
    shared = {"device": [{"foreign": [4242], "isolation": "shared"}]}
    rules = [
        {"match": "*size=7,*", **noise, "disturbed": 0.7},
        {"match": "*size=14,*", **noise, "disturbed": 0.2},
        {"match": "*size=21,*", "stream": "bimodal", "sigma": 0.01},
        {"match": "*size=28,*", "stream": "drifting", "sigma": 0.3},
        {"match": "*size=35,*", **noise, "foreign_work": "0.9 cores of other work"},
        {"match": "*size=42,*", **noise, **hot},
        {"match": "*size=49,*", **noise, **shared},
        {"match": "*", **noise},
    ]
    sizes = tuple(range(7, 63, 7))
    _, records = measured(folder, monkeypatch, *rules, axes={"size": sizes}, filter="halo")
    first = {int(r.case_id.split("size=")[1].split(",")[0]): r for r in records if r.attempt == 1}
    told = {
        size: (record.status, {*record.flags, *record.readings["latency_warm"].flags})
        for size, record in first.items()
    }
    assert set(told) == set(sizes)
    assert told[7][0] is Status.CONTENDED
    assert told[35][0] is Status.CONTENDED
    assert told[42] == (Status.THROTTLED, {Flag.THERMAL})
    assert told[49][0] is Status.CONTENDED
    assert Flag.CONTENDED in told[49][1]
    assert told[14] == (Status.OK_FLAGGED, {Flag.PREEMPTED})
    assert (told[21][0], Flag.BIMODAL in told[21][1]) == (Status.OK_FLAGGED, True)
    assert (told[28][0], Flag.DRIFT in told[28][1]) == (Status.OK_FLAGGED, True)
    assert told[56] == (Status.OK, set())
    retried = {r.case_id.split("size=")[1].split(",")[0] for r in records if r.attempt == 2}
    assert retried == {"7", "35", "42", "49"}


def test_a_scripted_counter_gives_its_joules_or_its_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = [
        {"match": "*size=1/*", "seconds": 1e-3, "energy": {"power_w": 50.0}},
        {"match": "*size=2/*", "seconds": 4e-3, "energy": {"power_w": 50.0, "sensor_w": 60.0}},
        {"match": "*size=3/*", "energy": {"counter": "frozen"}},
        {"match": "*size=4/*", "energy": {"counter": "backwards"}},
        {"match": "*size=5/*", "energy": {"counter": "zero"}},
        {"match": "*size=6/*", "energy": {"others": "pid 4242"}},
    ]
    plant(monkeypatch, tmp_path, *rules)
    run = new_run(
        tmp_path / "run",
        tuple(fake_case(size) for size in range(1, 8)),
        metrics=("latency_warm", "energy", "power"),
        preset=preset(processes=1, deadline_s=60.0),
    )
    told = {
        int(record.case_id.split("size=")[1].split("/")[0]): record.readings["energy"]
        for record in sweep(run, InlineLauncher())
    }
    step = 0.02 / 2.0  # of the counter, over the shortest window
    assert told[1].median == pytest.approx(50.0 * 1e-3, rel=step)
    assert told[1].flags == ()
    assert told[2].median == pytest.approx(50.0 * 4e-3, rel=step)
    assert told[2].flags == (Flag.ENERGY_DISAGREE,)
    for size in (3, 4, 5):
        assert (told[size].median, told[size].flags) == (None, (Flag.ENERGY_INVALID,))
    assert Flag.ENERGY_SHARED in told[6].flags
    assert (told[7].median, told[7].flags) == (None, ())


def test_made_up_figures_are_refused_outside_tests_in_one_line(folder: Path) -> None:
    script = write_script(folder / "script.json")
    for outside, variables in ((True, script), (False, {})):
        done = sabench(
            *("profile", "--suite", "faked.yaml", "--device", "cpu"),
            cwd=folder,
            outside_tests=outside,
            **variables,
        )
        (line,) = done.stderr.splitlines()
        assert (done.returncode, done.stdout) == (2, "")
        assert line.startswith("error: runtime fake makes its figures up")
        assert not (folder / "runs").exists()


def test_made_up_figures_are_never_accepted(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run", (case(), fake_case(7)))
    for job in run.info.jobs():
        journal.append(run, record_of(job))
    done = sabench("accept", "run", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: run: runtime fake makes its figures up; measure with another runtime\n"
    )
    assert not (tmp_path / "results").exists()
