"""Our cold median against nvbench's Python package (cuda-bench), for a kernel above 100 us.

    python tools/compat/nvbench.py [--turns 3] [--size 4096]

nvbench runs in a process of its own, as it wants to; its median is taken over the cold samples that
it writes beside its JSON. Turns alternate. Exit code: 0 within 2 %, 1 not, 77 skipped.
"""

import argparse
import importlib.util
import json
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import torch
from cold_product import cold_timer, compare, median_s, product, skip, why_not

SAMPLE_TIMES = "nv/json/bin:nv/cold/sample_times"
NAMES = ("cuda.bench", "cuda.nvbench")  # the package's module, and what it was called first


def main() -> int:
    """Take the turns, say how far apart the tools are."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--theirs", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    name = installed()
    if not name:
        return skip("cuda-bench is not installed; python -m pip install cuda-bench")
    if reason := why_not():
        return skip(reason)
    if asked.theirs:
        run_theirs(name, asked.size, asked.theirs)
        return 0
    call, timer = product(asked.size), cold_timer()
    ours: list[float] = []
    theirs: list[float] = []
    for turn in range(asked.turns):
        for is_ours in (True, False) if turn % 2 else (False, True):
            if is_ours:
                ours.append(median_s(timer, call))
            else:
                theirs.append(their_median(asked.size))
    return compare(ours, theirs, "nvbench")


def installed() -> str:
    """The module that is there; empty if none is."""
    for name in NAMES:
        try:
            if importlib.util.find_spec(name) is not None:
                return name
        except ModuleNotFoundError:  # not even the namespace
            continue
    return ""


def run_theirs(name: str, size: int, file: Path) -> None:
    """The same product under nvbench, in this process."""
    bench: Any = importlib.import_module(name)
    call = product(size)

    def cold_product(state: Any) -> None:
        def launch(one: Any) -> None:
            stream = torch.cuda.ExternalStream(one.get_stream().addressof())
            with torch.cuda.stream(stream):
                call()

        state.exec(launch)

    torch.cuda.synchronize()  # the inputs are made on another stream
    bench.register(cold_product)
    bench.run_all_benchmarks([sys.argv[0], "--devices", "0", "--jsonbin", str(file)])


def their_median(size: int) -> float:
    """Median of the cold samples of a run in a child."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "nvbench.json")
        command = [sys.executable, __file__, "--size", str(size), "--theirs", str(file)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return median(cold_samples(file))


def cold_samples(file: Path) -> list[float]:
    """Seconds of every cold sample: 32-bit floats in the file that the JSON names."""
    told = json.loads(file.read_text())
    (state,) = told["benchmarks"][0]["states"]
    (summary,) = (one for one in state["summaries"] if one["tag"] == SAMPLE_TIMES)
    values = {one["name"]: one["value"] for one in summary["data"]}
    payload = (file.parent / values["filename"]).read_bytes()
    return list(struct.unpack(f"<{int(values['size'])}f", payload))


if __name__ == "__main__":
    sys.exit(main())
