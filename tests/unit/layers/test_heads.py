"""Pooling: its values and, compiled for real, its gradient."""

import warnings

import pytest
import torch
from torch import Tensor

from sabench.layers.heads import pool

HALF, QUARTER = 1 / 2, 1 / 4
SHARES = [[QUARTER, QUARTER, HALF], [QUARTER, QUARTER, HALF], [HALF, HALF, 1.0]]
"""What each pixel of a 3 x 3 map has in the mean of its 2 x 2 square, which may be cut short."""


def gradient(pooled, x: Tensor) -> Tensor:
    x = x.clone().requires_grad_()
    pooled(x).sum().backward()
    assert x.grad is not None
    return x.grad


def test_squares_at_the_edge_are_the_mean_of_what_is_there_of_them() -> None:
    x = torch.arange(9.0).view(1, 1, 3, 3)
    assert pool(x, 2)[0, 0].tolist() == [[2, 3.5], [6.5, 8]]
    assert gradient(lambda one: pool(one, 2), x)[0, 0].tolist() == SHARES


def test_no_stride_leaves_the_map_as_it_is() -> None:
    x = torch.zeros(1, 1, 3, 3)
    assert pool(x, 1) is x


@pytest.mark.slow
def test_compiled_pooling_divides_the_gradient_by_what_is_there_of_a_square() -> None:
    """The inductor of torch 2.13 divides by the whole square unless padding is left out."""
    torch._dynamo.reset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, while it compiles
        compiled = torch.compile(lambda one: pool(one, 2), fullgraph=True)
        assert gradient(compiled, torch.ones(1, 1, 3, 3))[0, 0].tolist() == SHARES
