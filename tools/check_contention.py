"""Does a busy neighbour spoil a figure unseen? Quiet runs, then runs beside pinned spinners.

    .venv/bin/python tools/check_contention.py [--runs 20] [--threads 2] [--skip-quiet MEDIAN_MS]

A 3x3 convolution (64 channels, 56 px) is measured in fresh child processes at preset quick. On the
quiet machine it has to end `ok` in 16 of 20 runs. With a neighbour pinned to one of its cores, with
one on the sibling of that core where there is one, and with one on every core, no run may be `ok`
or `ok_flagged` with a figure above 1.1 times the quiet median. So many were in the quiet phase is
printed too: more than one tells of a neighbour that nothing sees.
A quiet run whose core was shared unseen had a neighbour that nobody here can send away.
Before and after the quiet runs stands a control, `wander.py`: the same call in one long-warm
process. Quiet runs that are only flagged as drifting, and no more often than the control drifts,
may be the machine's doing.
Exit code: 0 both held, 1 one did not, 4 the machine did not become quiet, or the control or a
shared core explains that fewer quiet runs were `ok`.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from quiet import Found, find_quiet
from wander import Wander, find_wander

from sabench.cases.case import Case
from sabench.cases.plan import Batch, make_jobs
from sabench.catalog.presets import find_preset
from sabench.launch.core_bests import earlier_best, lower
from sabench.launch.limits import allowed_cores, choose_cores
from sabench.measure.cores import hardware_siblings
from sabench.measure.environment import child_variables, environment
from sabench.measure.noise import busy_neighbours
from sabench.records import MEASURED

LIMIT = 1.1
GOOD_SHARE = 0.8
SLOWED_SHARE = 0.05  # of the blocks
BESTS: dict[int, list[float]] = {}  # by threads: the best reading of each run's core
VERDICTS = {True: "held", False: "NOT HELD", None: "not measurable today"}


def main() -> int:
    """Run the phases, print a table, say whether both demands hold."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--patience", type=float, default=20, help="minutes to wait for quiet")
    parser.add_argument("--skip-quiet", type=float, metavar="MEDIAN_MS", help="the quiet median")
    asked = parser.parse_args()
    if asked.skip_quiet is None and find_quiet(60 * asked.patience) is Found.BUSY:
        return 4
    held = contention_holds(asked.runs, asked.threads, asked.skip_quiet)
    return 4 if held is None else int(not held)


def contention_holds(runs: int, threads: int, quiet_median: float | None = None) -> bool | None:
    """Both demands; the quiet one is left out where the quiet median is given.

    None: too few quiet runs were `ok`, no more than the control or a core that something unseen
    shared explains; nothing else failed.
    """
    held: bool | None = True
    if quiet_median is None:
        before = find_wander(threads)
        rows = [measure(threads) for _ in range(runs)]
        wander = before + find_wander(threads)
        good = [row for row in rows if row["status"] == "ok"]
        ranked = [row for row in rows if row["status"] in MEASURED]
        quiet_median = statistics.median(row["ms"] for row in ranked or rows)
        wrong = [row for row in rows if is_wrong(row, quiet_median)]
        held = quiet_holds(rows, wander)
        show("quiet", rows, quiet_median)
        print(f"  {wander}")
        print(f"  ok in {len(good)} of {len(rows)}: {VERDICTS[held]}")
        print(f"  slow and ranked in {len(wrong)} of {len(rows)}\n")
    for phase, cores in neighbours_of(threads).items():
        with busy_neighbours(cores):
            rows = [measure(threads) for _ in range(runs)]
        wrong = [row for row in rows if is_wrong(row, quiet_median)]
        held = False if wrong else held
        show(phase, rows, quiet_median)
        print(f"  slow and ranked in {len(wrong)} of {len(rows)}: {VERDICTS[not wrong]}\n")
    return held


def quiet_holds(rows: list[dict], wander: Wander) -> bool | None:
    """Whether enough quiet runs were `ok`. None: of those that had their core, enough were.

    A core that was slow, with nothing of this machine beside it, was shared by
    another machine: then it was not quiet here.
    """
    ended = [row["status"] == "ok" for row in rows]
    if sum(ended) >= GOOD_SHARE * len(rows):
        return True
    alone = [row for row in rows if row["slowed"] <= SLOWED_SHARE * row["blocks"]]
    good = sum(row["status"] == "ok" for row in alone)
    if not alone or good >= GOOD_SHARE * len(alone) or wander.explains(alone):
        return None
    return False


def neighbours_of(threads: int) -> dict[str, list[int]]:
    """Where the spinners of each phase are pinned, by what the phase is called."""
    ours = choose_cores(threads, allowed_cores()) or allowed_cores()
    core = ours[0]
    phases = {f"a neighbour on core {core}, a measured one": [core]}
    siblings = sorted((hardware_siblings(core) & set(allowed_cores())) - set(ours))
    if siblings:
        phases[f"a neighbour on core {siblings[0]}, its sibling"] = [siblings[0]]
    else:
        print(f"core {core} has no sibling that is free: that phase is left out\n")
    phases["a neighbour on every core"] = [*allowed_cores()]
    return phases


def is_wrong(row: dict, quiet_median: float) -> bool:
    """Whether a disturbed figure is passed off as a good one."""
    return row["status"] in MEASURED and row["ms"] > LIMIT * quiet_median


def measure(threads: int) -> dict:
    """One job in a fresh child: status, figure, flags and what was rejected."""
    case = Case(kind="layer", subject="conv", channels=64, size=56, threads=threads)
    preset = find_preset("quick")
    with tempfile.TemporaryDirectory() as folder:
        batch_file, outbox = Path(folder, "batch.json"), Path(folder, "outbox.jsonl")
        batch = Batch(
            batch_id="contention",
            suite="contention",
            preset=preset,
            environment="",
            device="cpu",
            threads=threads,
            cores=choose_cores(threads, allowed_cores()),
            core_best=lower(BESTS.get(threads, []), earlier_best(environment("cpu"))),
            memory_limit=0,
            jobs=tuple(make_jobs([case], ["cpu"], ["latency_warm"], preset, seed=0)),
        )
        batch_file.write_text(batch.text())
        command = [sys.executable, "-m", "sabench.measure.child", str(batch_file), str(outbox)]
        variables = os.environ | child_variables("cpu", threads)
        subprocess.run(command, env=variables, check=True, capture_output=True)
        record = json.loads(outbox.read_text())
    if best := record["details"].get("core_best"):
        BESTS.setdefault(threads, []).append(best)
    reading = record["readings"].get("latency_warm")
    if not reading or not reading.get("statistics"):
        raise SystemExit(f"the job ended {record['status']}: {record['message']}")
    details = reading["details"]
    passed_over = details["passed_over"]  # of a shared core, too
    return {
        "status": record["status"],
        "ms": 1e3 * reading["statistics"]["median"],
        "flags": [*record.get("flags", []), *reading.get("flags", [])],
        "n": reading["statistics"]["n"],
        "blocks": details["blocks"] + passed_over,
        "rejected": details["rejected"] + passed_over,
        "slowed": details["slowed"] + passed_over,
        "foreign": record["details"]["foreign_cores"],
        "beside": details["foreign_work"],
    }


def show(phase: str, rows: list[dict], quiet_median: float) -> None:
    """A line a run."""
    print(f"{phase}: quiet median {quiet_median:.3f} ms")
    print("  status      ms      /quiet  n     rejected   slow core  foreign cores  flags")
    for row in rows:
        rejected = f"{row['rejected']}/{row['blocks']}"
        print(
            f"  {row['status']:<11} {row['ms']:<7.3f} {row['ms'] / quiet_median:<7.2f} "
            f"{row['n']:<5} {rejected:<10} {row['slowed']:<10} {row['foreign']:<14} "
            f"{', '.join(row['flags'])} {row['beside']}".rstrip()
        )


if __name__ == "__main__":
    sys.exit(main())
