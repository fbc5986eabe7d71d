"""What a thousand cases cost the parent: memory, files, processes, and its part of an append.

    .venv/bin/python tools/check_long_sweep.py [--cases 1000]

The cases run under the fake runtime in a real child: their figures are made up, the cost is not.
Exit code: 0 all held, 1 one did not, 4 the machine did not become or stay quiet, so that no time
counts: the same work, done after each append, tells.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from quiet import Found, find_quiet

from faking import write_script
from long_sweep import run_long_sweep

MOST_BYTES = 50 * 1024**2
MOST_APPEND_S = 1e-3
MOST_NOISE = 2.0
"""The same work at p99 over its median: beyond it a miss is the machine's, and nobody's figure."""


def main() -> int:
    """Run the sweep and print each demand with what was found."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--patience", type=float, default=20, help="minutes to wait for quiet")
    asked = parser.parse_args()
    wanted = asked.cases
    quiet = find_quiet(60 * asked.patience) is not Found.BUSY
    os.environ["PYTEST_CURRENT_TEST"] = Path(__file__).name  # a test that is run by hand
    with tempfile.TemporaryDirectory() as folder:
        rule = {"stream": "white", "sigma": 0.005}
        os.environ |= write_script(Path(folder) / "script.json", rule)
        cost = run_long_sweep(Path(folder), wanted)
    appends = cost.appends
    lines = (
        (f"{len(cost.records)} records", len(cost.records) == wanted),
        (f"grew by {cost.grown_bytes / 1024**2:.1f} MiB", cost.grown_bytes < MOST_BYTES),
        (f"{cost.files} files left open", cost.files == 0),
        (f"{cost.processes} processes left", cost.processes == 0),
        (
            f"own part of an append: {1e3 * cost.p99('own_s'):.3f} ms of processor time at p99",
            cost.p99("own_s") < MOST_APPEND_S,
        ),
    )
    *counted, timed = lines
    noise = cost.p99("same_s") / float(np.median(appends.same_s))
    is_slow = float(np.median(appends.own_s)) >= MOST_APPEND_S
    quiet = quiet and (timed[1] or is_slow or noise <= MOST_NOISE)
    for text, held in (*counted, timed) if quiet else counted:
        print("pass" if held else "FAIL", text)
    if not quiet:
        print("not measured:", timed[0])
    print(
        f"beside it: the same work {noise:.2f} times its median at p99; "
        f"{1e3 * cost.p99('wall_s'):.3f} ms of wall time at p99, "
        f"fsync {1e3 * cost.p99('fsync_s'):.3f} ms at p99 over {len(appends.fsync_s)} appends; "
        f"{cost.seconds:.1f} s in all"
    )
    if not all(held for _, held in counted) or (quiet and not timed[1]):
        return 1
    return 0 if quiet else 4


if __name__ == "__main__":
    sys.exit(main())
