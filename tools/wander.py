"""Does the machine itself wander? One long-warm process, and how often the same work drifts in it.

    .venv/bin/python tools/wander.py [--threads 1]

A 3x3 convolution (64 channels, 56 px) is called over and over, pinned as a child's is. Once it is
warm nothing of ours changes: a window of its calls that `drifts`, by the rule that flags a case,
drifts with the host's clock. Prints windows that drifted, and windows.
"""

import argparse
import math
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sabench.catalog.presets import find_preset
from sabench.launch.limits import allowed_cores, choose_cores
from sabench.measure.environment import child_variables
from sabench.measure.streams import drifts

WARM_S, APART_S = 20.0, 0.5
WINDOWS, CALLS = 30, 20  # calls in a window: as many samples as a quick case takes here
OF_DRIFT = {"drift", "warmup_unsettled"}  # the second only beside the first


@dataclass(frozen=True, slots=True)
class Wander:
    """How many windows of the control drifted."""

    drifted: int
    windows: int

    def explains(self, rows: Sequence[Mapping[str, Any]]) -> bool:
        """Whether runs that are not `ok` only drift, and no more often than the control does.

        No more often: within two standard errors of so many runs.
        """
        spoilt = [row for row in rows if row["status"] != "ok"]
        share = self.drifted / self.windows
        most = share + 2 * math.sqrt(share * (1 - share) / len(rows))
        return len(spoilt) <= most * len(rows) and all(
            row["status"] == "ok_flagged" and {"drift"} <= set(row["flags"]) <= OF_DRIFT
            for row in spoilt
        )

    def __add__(self, other: "Wander") -> "Wander":
        return Wander(self.drifted + other.drifted, self.windows + other.windows)

    def __str__(self) -> str:
        return f"the same call in one warm process drifted in {self.drifted} of {self.windows}"


def find_wander(threads: int) -> Wander:
    """The control in a process of its own, with a child's variables; it takes a minute."""
    command = [sys.executable, __file__, "--threads", str(threads)]
    variables = os.environ | child_variables("cpu", threads)
    done = subprocess.run(command, env=variables, check=True, capture_output=True, text=True)
    return Wander(*map(int, done.stdout.split()))


def main() -> int:
    """Pin, warm up, look at window after window."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=1)
    threads = parser.parse_args().threads
    os.sched_setaffinity(0, choose_cores(threads, allowed_cores()) or allowed_cores())
    import torch

    torch.set_num_threads(threads)
    matters = find_preset("quick").half_width
    layer = torch.nn.Conv2d(64, 64, 3, padding=1, bias=False).eval()
    image = torch.rand(1, 64, 56, 56)
    with torch.inference_mode():
        end = time.perf_counter() + WARM_S
        while time.perf_counter() < end:
            layer(image)
        drifted = 0
        for _ in range(WINDOWS):
            taken = []
            for _ in range(CALLS):
                start = time.perf_counter()
                layer(image)
                taken.append(time.perf_counter() - start)
            drifted += drifts(taken, matters)
            time.sleep(APART_S)
    print(drifted, WINDOWS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
