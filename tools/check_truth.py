"""Does the instrument tell the truth on the CPU, and what does it cost? Run on a quiet machine.

    .venv/bin/python tools/check_truth.py [--runs 20] [--pairs 60] [--patience 20] [--only PART]

work        n against 2n units of fixed work, own CPU against wall, A/A, +10 %: `sabench selftest`
contention  slow and ranked in none of RUNS beside a neighbour, ok in 16 of 20 without
contention-2  the same on two threads
parent      under 1 % of a core while a child measures, the live display on a terminal
sampler     a kernel of 100 to 200 us with and without the device's sampler, PAIRS in turn: the
            interval of the ratio within 0.5 % of one
Before each part it waits, PATIENCE minutes at most, for foreign load below 5 % of a core, and
for cores at their best speed, and prints both. Where something unseen shares the cores it goes on;
too few `ok` beside nobody, and a wide interval of the sampler, are not held against it there.
Exit code: 0 all held, 1 one did not, 4 a part found no quiet machine, or one that wanders too far
to tell.
"""

import argparse
import os
import pty
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from statistics import median

from check_contention import VERDICTS, contention_holds
from quiet import Found, find_quiet

from sabench.launch.limits import allowed_cores, choose_cores
from sabench.launch.selftest import selftest
from sabench.measure.environment import child_variables
from sabench.measure.selftest.judge import Verdict, tally
from sabench.measure.selftest.table import find_checks
from sabench.stats import median_interval

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

WORK = ["fixed_work", "own_cpu", "two_clocks", "aa_pair", "planted_slowdown", "neighbour"]
PARTS = ("work", "contention", "contention-2", "parent", "sampler")
NOISY = ("sampler",)  # a part that misses its bound where its interval is too wide
PARENT_CORES = 0.01
SETTLE_S, WATCH_S = 8.0, 30.0  # until a child measures; how long the parent is watched then
SAMPLER_SHARE = 0.005
KERNEL_S, KERNELS_S, SIDE_S = 150e-6, (100e-6, 200e-6), 0.3
WARM_S = 2.0
PERIOD_S = 0.1  # of the sampler, as in the presets


def main() -> int:
    """Every part, each on a machine found quiet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--pairs", type=int, default=60)
    parser.add_argument("--patience", type=float, default=20, help="minutes to wait for quiet")
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--sampler-child", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.sampler_child:
        return sampler_pairs(asked.pairs)
    parts: dict[str, Callable[[], bool | None]] = {
        "work": work_holds,
        "contention": lambda: contention_holds(asked.runs, threads=1),
        "contention-2": lambda: contention_holds(asked.runs, threads=2),
        "parent": parent_holds,
        "sampler": lambda: sampler_holds(asked.pairs),
    }
    codes = []
    for name in PARTS:
        if asked.only in (None, name):
            codes.append(told(name, parts[name], 60 * asked.patience))
    return 1 if 1 in codes else max(codes)


def told(name: str, holds: Callable[[], bool | None], patience_s: float) -> int:
    """Wait, run a part, print how it came out; its exit code."""
    print(f"{name}: ", end="", flush=True)
    found = find_quiet(patience_s)
    if found is Found.BUSY:
        return 4
    held = holds()
    if name in NOISY and found is Found.SHARED:
        held = held or None
    print(f"{name}: {VERDICTS[held]}\n", flush=True)
    return 4 if held is None else int(not held)


def work_holds() -> bool | None:
    """The self-checks of work and clocks, in a real child; None where one could not tell."""
    findings = selftest(find_checks(WORK), "cpu")
    for one in findings:
        print(f"  {one.verdict:<11} {one.check:<17} {one.read}; allowed {one.allowed}")
    worst = tally(findings)
    return None if worst is Verdict.UNRELIABLE else worst is Verdict.PASS


def parent_holds() -> bool:
    """Processor time of all threads of a `profile` on a terminal, while its children measure."""
    with tempfile.TemporaryDirectory() as folder:
        terminal, inner = pty.openpty()
        command = [sys.executable, "-m", "sabench", "profile", "--suite", "quick"]
        command += ["--device", "cpu", "--preset", "standard", "--out", f"{folder}/run"]
        variables = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "SABENCH_STATE": folder}
        process = subprocess.Popen(command, stdout=inner, stderr=inner, env=variables)
        os.close(inner)
        shown = Drain(terminal)
        shown.start()
        time.sleep(SETTLE_S)
        start, before, seen = time.monotonic(), used_s(process.pid), shown.writes
        time.sleep(WATCH_S)
        cores = (used_s(process.pid) - before) / (time.monotonic() - start)
        writes = shown.writes - seen
        process.send_signal(signal.SIGINT)
        process.wait(30)
    print(f"  the parent used {cores:.2%} of a core; {writes} writes to its terminal meanwhile")
    return cores < PARENT_CORES and writes > 0


class Drain(threading.Thread):
    """Reads a terminal, as a person's would, and counts what comes."""

    def __init__(self, terminal: int) -> None:
        super().__init__(daemon=True)
        self.terminal, self.writes = terminal, 0

    def run(self) -> None:
        """Until the other side is closed."""
        with suppress(OSError):
            while os.read(self.terminal, 65536):
                self.writes += 1


def used_s(pid: int) -> float:
    """Processor seconds of a process's living threads, its children left out."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) * 1e-9


def sampler_holds(pairs: int) -> bool:
    """The pairs, in a process of their own that starts as a measuring child does."""
    command = [sys.executable, __file__, "--sampler-child", "--pairs", str(pairs)]
    variables = os.environ | child_variables("cpu", 1)
    return subprocess.run(command, env=variables).returncode == 0


def sampler_pairs(pairs: int) -> int:
    """Medians of a short kernel with the sampler's thread and without, the order flipped."""
    import pytest
    import torch

    from fakes.nvml import FakeNvml, Library
    from sabench.measure.sampler import DeviceSampler

    cores = choose_cores(1, allowed_cores())
    if shutil.which("gcc") is None:
        print("  the fake NVML is built with gcc, and there is none")
        return 1
    os.sched_setaffinity(0, cores)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        place = Path(folder)
        FakeNvml(Library(place, "gcc"), place / "nvml.txt", patch)
        call = short_kernel()
        ratios, off_s = [], []
        for pair in range(pairs):
            medians = {}
            for on in (False, True) if pair % 2 else (True, False):
                sampler = DeviceSampler("GPU-00000", PERIOD_S, lambda _device: os.getpid())
                if on:
                    sampler.start()
                medians[on] = median_of(call)
                if on:
                    sampler.stop()
                    span = sampler.between(0.0, time.perf_counter())
                    assert span.readings >= 2, sampler.reason
            ratios.append(medians[True] / medians[False])
            off_s.append(medians[False])
    interval = median_interval(ratios)
    assert interval is not None
    print(
        f"  a kernel of {1e6 * median(off_s):.0f} us, {pairs} pairs: with over without "
        f"{median(ratios):.5f}, 95 % [{interval.low:.5f}, {interval.high:.5f}]"
    )
    within = interval.low >= 1 - SAMPLER_SHARE and interval.high <= 1 + SAMPLER_SHARE
    is_asked = KERNELS_S[0] <= median(off_s) <= KERNELS_S[1]
    if not is_asked:
        print("  the kernel takes another time than 100 to 200 us: nothing is shown by it")
    return 0 if within and is_asked and pairs >= 40 else 1


def short_kernel() -> Callable[[], object]:
    """One product, of the side whose time is nearest to KERNEL_S here once the core is warm."""
    import torch

    def product(side: int) -> Callable[[], object]:
        left, out = torch.rand(side, side), torch.empty(side, side)
        return lambda: torch.mm(left, left, out=out)

    median_of(product(256), WARM_S)
    offered = [product(side) for side in range(128, 513, 16)]
    return min(offered, key=lambda call: abs(median_of(call, SIDE_S) - KERNEL_S))


def median_of(call: Callable[[], object], seconds: float = SIDE_S) -> float:
    """The median of single calls over that long."""
    taken, end = [], time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        call()
        taken.append(time.perf_counter() - start)
    return median(taken)


if __name__ == "__main__":
    sys.exit(main())
