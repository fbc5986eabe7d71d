"""Layers that misbehave when they are called, each in its own way."""

import signal
import subprocess
import sys
import time

import torch
from torch import Tensor, nn


class Hostile(nn.Module):
    """Takes what every layer takes."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))


class Raises(Hostile):
    def forward(self, x: Tensor) -> Tensor:
        raise ValueError("on purpose\nand on two lines")


class Sleeps(Hostile):
    """Ignores SIGTERM, and so does the process it has started."""

    def forward(self, x: Tensor) -> Tensor:
        code = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(90)"
        subprocess.Popen([sys.executable, "-c", code, "sabench-test-grandchild"])
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(90)
        return x


class Asks(Hostile):
    def forward(self, x: Tensor) -> Tensor:
        return x + torch.empty(10 * 1024**4, dtype=torch.uint8).sum()


class Poisons(Hostile):
    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale * float("nan")
