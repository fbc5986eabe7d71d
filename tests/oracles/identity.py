"""y = x."""

from torch import Tensor


def oracle(parameters: dict[str, Tensor], x: Tensor, options, stride: int) -> Tensor:
    return x
