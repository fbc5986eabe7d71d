"""What a thousand cases cost the parent: memory, files, processes, and its part of an append.

    .venv/bin/python tools/check_long_sweep.py [--cases 1000]

The cases run under the fake runtime in a real child: their figures are made up, the cost is not.
Exit code: 0 all held, 1 one did not.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from faking import write_script
from long_sweep import run_long_sweep

MOST_BYTES = 50 * 1024**2
MOST_APPEND_S = 1e-3


def main() -> int:
    """Run the sweep and print each demand with what was found."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", type=int, default=1000)
    wanted = parser.parse_args().cases
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
    for text, held in lines:
        print("pass" if held else "FAIL", text)
    print(
        f"beside it: {1e3 * cost.p99('wall_s'):.3f} ms of wall time at p99, "
        f"fsync {1e3 * cost.p99('fsync_s'):.3f} ms at p99 over {len(appends.fsync_s)} appends; "
        f"{cost.seconds:.1f} s in all"
    )
    return 0 if all(held for _, held in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
