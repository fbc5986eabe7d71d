"""How long the commands that measure nothing take to start: median of ten each."""

import argparse
import statistics
import subprocess
import sys
import time

LIMITS_S = {
    "--help": 0.3,
    "list": 0.8,
    "count resnet50": 0.8,
    "profile --suite halo --device cpu --dry-run": 0.8,
}


def main() -> int:
    """Time each command; 1 if a median is past its limit."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    slow = 0
    for command, limit in LIMITS_S.items():
        times = []
        for _ in range(10):
            start = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "sabench", *command.split()], check=True, capture_output=True
            )
            times.append(time.perf_counter() - start)
        median = statistics.median(times)
        slow += median > limit
        print(f"sabench {command}: median {median:.3f} s of {limit} s allowed")
    return int(slow > 0)


if __name__ == "__main__":
    sys.exit(main())
