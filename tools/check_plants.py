"""Every planted fault once: its check must fail.

    .venv/bin/python tools/check_plants.py [--device cpu] [--tries 3]

A plant whose check finds the machine too busy to tell is tried again. Exit code: 0 all failed as
they must, 1 one passed, 4 one could not be told.
"""

import argparse
import sys

from sabench.launch.selftest import selftest
from sabench.measure.gpus import resolve_devices
from sabench.measure.selftest.judge import Finding, Verdict
from sabench.measure.selftest.table import PLANTS


def main() -> int:
    """A line a plant: the check, its verdict, what it read."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--tries", type=int, default=3)
    asked = parser.parse_args()
    device = resolve_devices(asked.device)[0]
    codes = [0]
    for plant in PLANTS:
        found = planted(plant, device, asked.tries)
        print(f"{plant:<15} {found.check:<17} {found.verdict:<15} {found.read}", flush=True)
        codes.append({Verdict.PASS: 1, Verdict.UNRELIABLE: 4}.get(found.verdict, 0))
    return 1 if 1 in codes else max(codes)


def planted(plant: str, device: str, tries: int) -> Finding:
    """What its check says, at the latest after so many tries."""
    for _ in range(tries):
        (found,) = selftest([PLANTS[plant]], device, plant)
        if found.verdict is not Verdict.UNRELIABLE:
            break
    return found


if __name__ == "__main__":
    sys.exit(main())
