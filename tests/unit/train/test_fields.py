"""What a position sees: the closed form beside the gradient of the real layer, and what it says."""

from typing import Any

import pytest
import torch
from torch import Tensor

from sabench.catalog.fields import always_together, fields, never_together
from sabench.catalog.layers import layers
from sabench.errors import ConfigError
from sabench.layers.build import build_layer

SIZE, CHANNELS = 12, 16
LAYERS: list[tuple[str, dict[str, Any]]] = [
    *(("conv", {"window": window}) for window in (1, 3, 5)),
    *(("self_attention", {"window": window, "heads": 2}) for window in (3, 5, 7)),
    *(("halo", {"block": b, "halo": h, "heads": 2}) for b, h in ((4, 0), (4, 1), (5, 2), (3, 3))),
    ("augmented", {"heads": 2, "upsilon": 0.5, "kappa": 0.5}),
    ("global_attention", {"heads": 2}),
    ("squeeze_excite", {"reduction": 2}),
    ("identity", {}),
]
each_layer = pytest.mark.parametrize(
    ("name", "chosen"), LAYERS, ids=[f"{name}-{chosen}" for name, chosen in LAYERS]
)


def by_gradient(name: str, chosen: dict[str, Any]) -> Tensor:
    """(H, W, H, W), true where the output at the first place depends on the input at the second."""
    torch.manual_seed(0)
    row = layers()[name]
    layer = build_layer(
        row, row.options(**chosen), CHANNELS, CHANNELS, stride=1, size=(SIZE, SIZE)
    ).double()
    x = torch.randn(1, CHANNELS, SIZE, SIZE, dtype=torch.float64, requires_grad=True)
    out = layer(x)
    sees = torch.zeros(SIZE, SIZE, SIZE, SIZE, dtype=torch.bool)
    for row_at in range(SIZE):
        for column_at in range(SIZE):
            (found,) = torch.autograd.grad(out[0, :, row_at, column_at].sum(), x, retain_graph=True)
            sees[row_at, column_at] = found[0].abs().sum(0) > 0
    return sees


@each_layer
def test_the_closed_form_is_what_the_gradient_finds(name: str, chosen: dict[str, Any]) -> None:
    row = layers()[name]
    if name == "identity":
        with pytest.raises(ConfigError, match="not known what a position of it sees"):
            fields(row, row.options(), CHANNELS, SIZE)
        return
    told = fields(row, row.options(**chosen), CHANNELS, SIZE)
    along = torch.tensor([[place in field for place in range(SIZE)] for field in told])
    expected = along[:, None, :, None] & along[None, :, None, :]
    assert torch.equal(by_gradient(name, chosen), expected)


@pytest.mark.parametrize(
    ("name", "chosen", "always", "never"),
    [
        ("conv", {"window": 3}, 2, 3),
        ("conv", {"window": 5}, 4, 5),
        ("self_attention", {"window": 7, "heads": 2}, 6, 7),
        ("halo", {"block": 4, "halo": 1, "heads": 2}, 2, 6),  # always: 2 halo; never: from b + 2 h
        ("halo", {"block": 4, "halo": 0, "heads": 2}, 0, 4),
    ],
)
def test_two_marks_are_seen_together_up_to_one_distance_and_never_from_another_on(
    name: str, chosen: dict[str, Any], always: int, never: int
) -> None:
    row = layers()[name]
    seen = fields(row, row.options(**chosen), CHANNELS, SIZE)
    found_always = [d for d in range(1, SIZE) if always_together(seen, d)]
    found_never = [d for d in range(1, SIZE) if never_together(seen, d)]
    assert found_always == list(range(1, always + 1))
    assert found_never == list(range(never, SIZE))


def test_a_global_layer_sees_any_two_marks_together() -> None:
    row = layers()["global_attention"]
    seen = fields(row, row.options(heads=2), CHANNELS, SIZE)
    assert all(always_together(seen, distance) for distance in range(1, SIZE))
