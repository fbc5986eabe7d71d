"""Joules by the energy counter against power integrated over the same windows, on one load.

    python tools/compat/joules.py [--device cuda:0] [--batch 256]

A convolution is measured by `sabench profile` over five windows of five seconds. Demanded:
in every window the two differ by at most 5 %. Exit code: 0 they do, 1 not, 77 skipped.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

WITHIN = 0.05
SKIPPED, NO_DEVICE = 77, 5
SUITE = """\
name: joules
title: Joules by two ways
metrics: [latency_warm, energy]
axes:
  channels: 256
  size: 56
  batch: {batch}
layers:
  - layer: conv
"""


def main() -> int:
    """Run the case, print a line per window."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--batch", type=int, default=256)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        suite, run = Path(folder, "joules.yaml"), Path(folder, "run")
        suite.write_text(SUITE.format(batch=asked.batch))
        command = [sys.executable, "-m", "sabench", "profile", "--suite", str(suite)]
        command += ["--device", asked.device, "--preset", "standard", "--out", str(run)]
        command += ["--set", "processes=1", "--set", "energy_window_s=5"]
        command += ["--set", "energy_windows=5"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            word = "skipped" if done.returncode == NO_DEVICE else "FAIL"
            print(f"{word}: the case was not measured: {done.stderr.strip().splitlines()[-1]}")
            return SKIPPED if done.returncode == NO_DEVICE else 1
        records = map(json.loads, (run / "journal.jsonl").read_text().splitlines())
        found = [one["readings"]["energy"] for one in records if "energy" in one["readings"]]
    if not found:
        print("skipped: the case ended without readings")
        return SKIPPED
    return judge(found[-1])  # the last attempt's


def judge(reading: dict) -> int:
    """A line per window, and the exit code."""
    if not reading.get("statistics"):
        print(f"skipped: no energy: {reading['reason']}")
        return SKIPPED
    windows = reading["details"]["windows"]
    told = [one for one in windows if one["integrated_j"] is not None]
    if not told:
        print(f"skipped: no power: {reading['details']['integrated_reason']}")
        return SKIPPED
    good = True
    for one in told:
        ratio = one["integrated_j"] / one["counter_j"]
        good &= abs(ratio - 1) <= WITHIN
        print(
            f"{one['seconds']:.2f} s: counter {one['counter_j']:.1f} J, integrated "
            f"{one['integrated_j']:.1f} J, ratio {ratio:.4f}"
        )
    flags = ", ".join(reading.get("flags", [])) or "none"
    print(f"flags: {flags}")
    print(f"each within {WITHIN:.0%}: {'pass' if good else 'FAIL'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
