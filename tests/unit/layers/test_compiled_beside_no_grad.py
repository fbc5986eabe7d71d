"""A compiled function that calls a layer with gradients and without keeps those of the one call."""

import pytest
import torch
from torch import Tensor

from sabench.catalog.layers import layers
from sabench.layers.build import build_layer
from slowness import mostly_slow


def answers(name: str, implementation: str) -> list[bool]:
    """Of both calls of a layer in one graph, whether they have gradients."""
    row = layers()[name]
    layer = build_layer(row, row.small, 8, 16, size=(6, 6), implementation=implementation)

    def both(x: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            teacher = layer(x)
        return layer(x), teacher

    torch._dynamo.reset()
    found = torch.compile(both, backend="aot_eager", fullgraph=True)(torch.randn(2, 8, 6, 6))
    return [one.requires_grad for one in found]


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")  # dynamo's
@pytest.mark.parametrize("implementation", mostly_slow(["sdpa", "blocked"], "sdpa".__eq__))
@pytest.mark.parametrize("name", mostly_slow(["halo", "global_attention"], "halo".__eq__))
def test_the_call_with_gradients_keeps_them(name: str, implementation: str) -> None:
    """torch's compiler makes one of two like calls of an operator with several outputs; where these
    are returned as they are, neither has gradients (`torch.max` shows it). No layer does so."""
    assert answers(name, implementation) == [True, False]
