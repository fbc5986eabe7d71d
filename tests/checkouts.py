"""Checkouts for a gate whose sabench only pretends: it plans and measures what a file says."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from forking import run_command
from making_runs import case, preset, record_of, run_info
from sabench.catalog.metrics import METRICS
from sabench.records import Environment
from sabench.store.leaderboard import make_leaderboard, write_leaderboard

FAULTS = Path(__file__).parent / "faults"

SUITE = """name: pair
layers:
  - layer: conv
    size: 14
  - layer: halo
    size: 14
metrics: [macs, latency_warm]
"""

CONV = "conv/channels=64,size=14/forward.fp32.reference.eager"
HALO = "halo/channels=64,size=14/forward.fp32.sdpa.eager"

MAIN = """import json, pathlib
folder = pathlib.Path(__file__).parent.parent
ids = json.loads((folder / "figures.json").read_text())
print(json.dumps({"cases": [{"case_id": one} for one in ids if one != "parity"]}))
"""

CHILD = """import json, os, pathlib, sys, time
sys.path.insert(0, FAULTS)
import stand_in
from sabench.catalog.metrics import METRICS

told = json.loads((pathlib.Path(__file__).parents[2] / "figures.json").read_text())

begins = json.loads(pathlib.Path(sys.argv[1]).read_text())["jobs"][0]["replicate"]
if any(figures.get("dead_from", 99) <= begins for figures in told.values()):
    sys.exit("nothing works here")


def do(fault, outbox, batch, job):
    of_parity = job["kind"] == "parity"
    figures = told.get("parity", {}) if of_parity else told[stand_in.case_id(job["case"])]
    side, block = job["job_id"].split("-")[1], job["replicate"]
    scale = figures.get(side, 1.0) * job.get("plant", 1.0)
    noise = 1.0 + figures.get("noise", 1e-3) * ((block * 7919 + len(side)) % 5 - 2)
    readings = {}
    time.sleep(figures.get("takes_s", 0.0))
    for _ in range(batch.get("turns", 0)):
        stand_in.sleep(batch)
    for name in job["metrics"]:
        assert name in METRICS, name
        value = figures.get(f"{side}-{name}", figures.get(name))
        if name == "latency_warm":
            value = figures.get(name, 1e-3) * scale * noise
        if value is not None:
            readings[name] = stand_in.reading([value] * 12)
            if name == "latency_warm" and batch.get("turns"):
                readings[name]["details"] = {"turns": [value] * batch["turns"]}
    if side in figures.get("dies_in_turns", []) and batch.get("turns"):
        os._exit(9)
    status = "ok"
    if batch.get("turns") and side in figures.get("oom_in_turns", []):
        status = "oom"
    if side in figures.get("sides", [side]) and block in figures.get("blocks", [block]):
        status = figures.get("status", status)
    message = figures.get("message", "")
    stand_in.write(outbox, batch, job, status, readings=readings, message=message)


stand_in.do = do
stand_in.main(*sys.argv[1:])
"""


def pretend(
    folder: Path,
    figures: dict[str, dict[str, Any]] | None = None,
    metrics: Sequence[str] = tuple(METRICS),
    suite: str = SUITE,
    *,
    turns: int = 0,
) -> Path:
    """A checkout that has these cases, each with its figures; by default conv and halo of 1 ms.

    `metrics`: those that it knows; its child dies of any other. `turns`: the version of taking
    turns that it knows; 0: none.

    Of a case: a metric's figure; `base`, `candidate`, `null`: what scales a side's time; `noise`;
    `takes_s`, really; `status` and `message` of its records, in `blocks` and on `sides` alone if
    these are told; `null-macs`: what the base's second process counts; `dead_from`: the block from
    which its children do not start; `dies_in_turns`, `oom_in_turns`: sides that end so beside
    others.
    Of "parity": `status` and `message` of every parity check.
    """
    package = folder / "sabench" / "measure"
    package.mkdir(parents=True)
    (folder / "sabench" / "__init__.py").write_text('__version__ = "0"\n')
    (package / "__init__.py").write_text("")
    (folder / "sabench" / "__main__.py").write_text(MAIN)
    (folder / "sabench" / "catalog").mkdir()
    (folder / "sabench" / "catalog" / "metrics.py").write_text(f"METRICS = {list(metrics)!r}\n")
    if turns:
        (package / "turns.py").write_text(f"VERSION = {turns}\n")
    (package / "child.py").write_text(CHILD.replace("FAULTS", repr(str(FAULTS))))
    (folder / "pair.yaml").write_text(suite)
    told = {CONV: {}, HALO: {}} if figures is None else figures
    (folder / "figures.json").write_text(json.dumps(told))
    return folder


def command(folder: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "sabench", *gate_words(folder, *arguments)]


def gate_words(folder: Path, *arguments: str) -> list[str]:
    """What is typed behind `sabench`."""
    suite = folder / "pair.yaml"
    suite.write_text(SUITE)
    usual = ("gate", "--device", "cpu", "--no-lock", "--seed", "1", "--out", "out")
    return [*usual, "--suite", str(suite), *arguments]


def gate(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """One gate in its own process; `--base base --candidate candidate` unless given."""
    if "--base" not in arguments and "--history" not in arguments:
        arguments = ("--base", "base", "--candidate", "candidate", *arguments)
    return run_command(gate_words(folder, *arguments), folder, surroundings(folder) | variables)


def surroundings(folder: Path) -> dict[str, str]:
    github = ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY")
    kept = {key: value for key, value in os.environ.items() if key not in github}
    return kept | {"COLUMNS": "100", "SABENCH_STATE": str(folder / "state")}


def stored_base(path: Path, here: Environment, **changes: Any) -> Path:
    """A leaderboard of both cases, five processes each, as the scripted sides have them."""
    cases = (case(), case("halo", implementation="sdpa"))
    info = run_info(
        cases,
        suite="pair",
        preset=preset(processes=5),
        environments={"cpu": here},
        metrics=("latency_warm",),
    )
    records = []
    for job in info.jobs():
        seconds = 1e-3 * (1 + 1e-4 * job.replicate)
        records.append(record_of(job, samples=(seconds,) * 10, environment=here.id))
    board = make_leaderboard(info, records).model_copy(update=changes)
    write_leaderboard(path, board)
    return path
