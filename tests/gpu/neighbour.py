"""Another process on the device: python neighbour.py DUTY, where 0 only holds a context."""

import sys
import time

import torch

BUSY_S = 0.03

duty = float(sys.argv[1])
x = torch.randn(2048, 2048, device="cuda:0")
torch.cuda.synchronize()
print("ready", flush=True)
while True:
    start = time.monotonic()
    while duty and time.monotonic() - start < BUSY_S:
        x @ x
        torch.cuda.synchronize()
    time.sleep(BUSY_S * (1 - duty) / duty if duty else 1.0)
