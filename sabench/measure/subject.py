"""What a job measures, built."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sabench.cases.case import Case

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Subject:
    """What is measured: a module on its device, cast and laid out, and an input for it."""

    case: Case
    device: str
    seed: int
    module: "nn.Module"
    x: "Tensor"
    build_s: float
