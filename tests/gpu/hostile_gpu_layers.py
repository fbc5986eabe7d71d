"""Layers that hang a device or ask it for too much, each in its own way."""

import signal
import time

import torch
from torch import Tensor, nn

FOR_EVER = 10**14  # cycles: more than ten hours


class Hostile(nn.Module):
    """Takes what every layer takes."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))


class AsksTooMuch(Hostile):
    """All that the device has, and as much again."""

    def forward(self, x: Tensor) -> Tensor:
        _, total = torch.cuda.mem_get_info(x.device)
        return x + torch.empty(2 * total, dtype=torch.int8, device=x.device)[0]


class HangsTheDevice(Hostile):
    """A kernel that does not end, waited for; SIGTERM is ignored."""

    def forward(self, x: Tensor) -> Tensor:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        torch.cuda._sleep(FOR_EVER)
        torch.cuda.synchronize()
        return x


class HoldsMemory(Hostile):
    """Two gibibytes held by a host that sleeps."""

    def forward(self, x: Tensor) -> Tensor:
        held = torch.ones(2 * 2**30, dtype=torch.int8, device=x.device)
        torch.cuda.synchronize()
        time.sleep(600)
        return x + held[0]
