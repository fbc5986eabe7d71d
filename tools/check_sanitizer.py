"""Do our kernels touch memory that is not theirs? Each once, under CUDA's compute-sanitizer.

    python tools/check_sanitizer.py

memcheck sees accesses out of bounds and misaligned, racecheck those of shared memory that race.
Exit code: 0 both are clean, 1 one is not, 77 there is no compute-sanitizer or no CUDA device.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from sabench.catalog.layers import layers
from sabench.layers.build import build_layer
from sabench.measure.exp_kernel import exponentials

TOOLS = ("memcheck", "racecheck")
PROGRAM = "compute-sanitizer"
PLACES = (None, "/usr/local/cuda/bin", "/usr/local/cuda/compute-sanitizer")  # PATH first
FOUND = 9  # what compute-sanitizer exits with for an error of its own finding
SUBJECTS = ("halo", "self_attention", "global_attention")
SIZE = 13  # no block divides it


def main() -> int:
    """Run this script's kernels under each tool."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kernels", action="store_true", help=argparse.SUPPRESS)
    if parser.parse_args().kernels:
        run_kernels()
        return 0
    program = next(filter(None, (shutil.which(PROGRAM, path=place) for place in PLACES)), None)
    if program is None:
        print("skipped: compute-sanitizer is not installed")
        return 77
    if not torch.cuda.is_available():
        print("skipped: torch sees no CUDA device")
        return 77
    codes = [under(program, tool) for tool in TOOLS]
    return 1 if any(codes) else 0


def under(program: str, tool: str) -> int:
    """Every kernel under one tool; torch keeps no memory back, which would hide a wrong access."""
    command = [program, "--tool", tool, "--error-exitcode", str(FOUND), "--target-processes", "all"]
    command += [sys.executable, str(Path(__file__).resolve()), "--kernels"]
    with tempfile.TemporaryDirectory() as cache:  # a search under it is kept for nobody
        kept = {"PYTORCH_NO_CUDA_MEMORY_CACHING": "1", "TRITON_CACHE_DIR": cache}
        done = subprocess.run(command, env={**os.environ, **kept}, check=False)
    word = {0: "pass", FOUND: "FAIL"}.get(done.returncode, f"FAIL (exit code {done.returncode})")
    print(f"{tool}: {word}")
    return done.returncode


def run_kernels() -> None:
    """Each of ours, forward and backward, in fp32 and bf16, on a map that no block divides."""
    for name in SUBJECTS:
        row = layers()[name]
        for dtype in (torch.float32, torch.bfloat16):
            layer = build_layer(
                row, row.options(), 64, 64, size=(SIZE, SIZE), implementation="triton"
            )
            layer = layer.to("cuda", dtype)
            x = torch.randn(2, 64, SIZE, SIZE, device="cuda", dtype=dtype, requires_grad=True)
            layer(x).sum().backward()
    call, _ = exponentials("cuda", 8)
    call()
    torch.cuda.synchronize()


if __name__ == "__main__":
    sys.exit(main())
