"""What `sabench compare` takes for 10,000 cases against 10,000: wall time, memory, no torch.

    .venv/bin/python tools/check_compare_size.py [--figures 1]

Two leaderboards of made-up figures are written; the command runs in a process of its own, five
times, and the median counts. `--figures` says how many metrics each case has: with all of them a
file has 14 kB a case, and reading it takes its time.
Exit code: 0 all held, 1 one did not, 4 the machine did not become quiet, so that no time counts.
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from quiet import Found, find_quiet

from sabench.cases.case import Case
from sabench.catalog.metrics import METRICS
from sabench.catalog.presets import PRESETS
from sabench.records import Environment, Reading, Status
from sabench.store.figure import figure_of
from sabench.store.leaderboard import Leaderboard, Row, write_leaderboard

CASES, PROCESSES, TIMES = 10_000, 5, 5
GROUP = 100
LIMIT_S, LIMIT_MB = 2.0, 300.0
TIMED = ("s", "cpu_s")
FIGURES = ("latency_warm", *(name for name in METRICS if name != "latency_warm"))

MEASURED_RUN = """
import json, resource, sys, time
start = time.perf_counter()
from sabench.cli import main
try:
    main(["compare", *sys.argv[1:]])
except SystemExit as end:
    code = end.code or 0
took = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
told = {"s": took, "cpu_s": time.process_time(), "mb": peak, "code": code}
told["torch"] = "torch" in sys.modules
print(json.dumps(told), file=sys.stderr)
"""


def main() -> int:
    """Make both, compare them, print what it took; 1 if that is too much, 4 if it is not quiet."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", type=int, default=CASES)
    parser.add_argument("--figures", type=int, default=1, help=f"1 to {len(FIGURES)}")
    parser.add_argument("--patience", type=float, default=20, help="minutes to wait for quiet")
    asked = parser.parse_args()
    held = True
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("base.json", "new.json")]
        for seed, path in enumerate(paths):
            write_leaderboard(path, made_up(asked.cases, FIGURES[: asked.figures], seed))
        size = sum(path.stat().st_size for path in paths) / 2**20
        print(f"{asked.cases} cases against as many, {asked.figures} figures each, {size:.0f} MiB")
        quiet = find_quiet(60 * asked.patience) is not Found.BUSY
        for options in ((), ("--json",), ("--markdown", str(Path(folder) / "told.md"))):
            told = [measure([*map(str, paths), *options]) for _ in range(TIMES)]
            took, spent = (statistics.median(float(one[key]) for one in told) for key in TIMED)
            peak = max(float(one["mb"]) for one in told)
            torch = any(one["torch"] for one in told)
            fine = (took <= LIMIT_S or not quiet) and peak <= LIMIT_MB and not torch
            held = held and fine
            print(
                f"{'pass' if fine else 'FAIL'} compare {' '.join(options)[:10]}: median {took:.2f} "
                f"s of {LIMIT_S} s ({spent:.2f} s of processor time), {peak:.0f} MB of "
                f"{LIMIT_MB:.0f} MB, {'torch was loaded' if torch else 'no torch'}"
            )
    return 1 if not held else 0 if quiet else 4


def measure(arguments: list[str]) -> dict[str, float]:
    """Seconds from the first import on, peak RSS, whether torch was loaded."""
    command = [sys.executable, "-c", MEASURED_RUN, *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stderr.splitlines()[-1])
    if found["code"] not in (0, 1):
        raise SystemExit(done.stderr)
    return found


def made_up(cases: int, figures: tuple[str, ...], seed: int) -> Leaderboard:
    """A leaderboard of distinct cases, each with its figures over five processes."""
    draw = random.Random(seed)
    environment = Environment(
        device_kind="cpu", device_name="made up", settings={"torch": "none"}, facts={}
    )
    return Leaderboard(
        title="made up",
        suite="made_up",
        preset=PRESETS["standard"],
        evidence="process",
        rank_by="latency_warm",
        metrics=figures,
        environments={"cpu": environment},
        started_utc="2026-01-01T00:00:00+00:00",
        is_complete=True,
        rows=tuple(row(number, figures, environment.id, draw) for number in range(cases)),
    )


def row(number: int, figures: tuple[str, ...], environment: str, draw: random.Random) -> Row:
    """One case of its own, with GROUP - 1 others that differ in the window alone."""
    group, place = divmod(number, GROUP)
    case = Case(
        kind="layer",
        subject="self_attention",
        channels=8 + group // 25,
        size=1 + group % 25,
        options={"window": 3 + 2 * place},
    )
    readings = {
        name: [
            Reading.of(METRICS[name].unit, [1e-3 * draw.lognormvariate(0.0, 0.01)])
            for _ in range(PROCESSES)
        ]
        for name in figures
    }
    return Row(
        case_id=case.case_id,
        case=case,
        device="cpu",
        environments=(environment,),
        status=Status.OK,
        processes=PROCESSES,
        planned=PROCESSES,
        figures={name: figure_of(taken) for name, taken in readings.items()},
        group=dict(case.group) | {"device": "cpu"},
        rank=1,
    )


if __name__ == "__main__":
    sys.exit(main())
