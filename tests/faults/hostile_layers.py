"""Layers that misbehave when they are called, each in its own way."""

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


class Poisons(Hostile):
    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale * float("nan")
