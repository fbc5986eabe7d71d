"""Every planted fault that the device can have, once: its check must answer, and with `fail`.

    .venv/bin/python tools/check_plants.py [--device cpu] [--tries 3]

A plant whose check finds the machine too busy to tell is tried again. A check that does not apply
to the device is skipped with its reason, and its plant is not counted as seen. Exit code: 0 all
others were seen, 1 a check passed or gave no answer, 4 one could not be told or none applies.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum

from sabench.launch.selftest import selftest
from sabench.measure.gpus import resolve_devices
from sabench.measure.selftest.judge import Finding, Verdict
from sabench.measure.selftest.table import PLANTS


class End(StrEnum):
    """What became of a plant."""

    SEEN = "seen"
    NOT_SEEN = "not seen"
    NO_ANSWER = "no answer"
    UNTOLD = "untold"
    SKIPPED = "skipped"


END_OF = {
    Verdict.PASS: End.NOT_SEEN,
    Verdict.FAIL: End.SEEN,
    Verdict.UNRELIABLE: End.UNTOLD,
    Verdict.NOT_APPLICABLE: End.SKIPPED,
}


def main() -> int:
    """A line a plant: what became of it, its check, what that read; then how many of each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--tries", type=int, default=3)
    asked = parser.parse_args()
    device = resolve_devices(asked.device)[0]
    ends: Counter[End] = Counter()
    for plant in PLANTS:
        found = planted(plant, device, asked.tries)
        end = end_of(found)
        ends[end] += 1
        print(f"{end:<10} {plant:<15} {found.check:<17} {found.read}", flush=True)
    print(", ".join(f"{ends[end]} {end}" for end in End), f"on {device}")
    return code_of(ends)


def planted(plant: str, device: str, tries: int) -> Finding:
    """What its check says, at the latest after so many tries."""
    for _ in range(tries):
        (found,) = selftest([PLANTS[plant]], device, plant)
        if found.verdict is not Verdict.UNRELIABLE:
            break
    return found


def end_of(found: Finding) -> End:
    """A check whose child died has seen nothing."""
    return END_OF[found.verdict] if found.answered else End.NO_ANSWER


def code_of(ends: Mapping[End, int]) -> int:
    """The exit code of so many of each."""
    if ends.get(End.NOT_SEEN) or ends.get(End.NO_ANSWER):
        return 1
    return 4 if ends.get(End.UNTOLD) or not ends.get(End.SEEN) else 0


if __name__ == "__main__":
    sys.exit(main())
