"""Whether a device still computes: python -m sabench.measure.device_probe DEVICE, in a second.

Exit code 0, or 1 with one line about what is wrong.
"""

import os
import sys
import time

import torch

SIZE = 512
PROBE_S = 1.0


def probe(device: str, seconds: float = PROBE_S) -> str:
    """Make a context and multiply for that long; what is wrong, "" if nothing is."""
    end = time.perf_counter() + seconds
    try:
        ones = torch.ones(SIZE, SIZE, device=device)
        while time.perf_counter() < end:
            product = ones @ ones
            if not bool((product == SIZE).all()):  # each entry is a sum of SIZE ones
                return "it computes wrong products"
    except RuntimeError as error:  # torch's word for whatever CUDA says
        return str(error).strip().splitlines()[0]
    return ""


if __name__ == "__main__":
    fault = probe(sys.argv[1])
    print(fault, file=sys.stderr, flush=True)
    os._exit(1 if fault else 0)  # a faulted device may hang what torch does at exit
