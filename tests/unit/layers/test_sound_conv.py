"""Convolution of maps narrower than its stride: right in bfloat16, and the same each time."""

import pytest
import torch
from torch import nn

from sabench.layers.conv import SoundConv2d

NARROW = [(3, 2, 1, 1), (3, 2, 3, 1), (3, 3, 2, 2), (5, 4, 3, 3), (7, 2, 2, 1)]


def litter() -> None:
    """Leave NaN in memory that is free, for a kernel that reads what it has not written."""
    _ = [torch.full((2**power,), float("nan")) for power in range(8, 21)]


def convolved(layer: nn.Conv2d, x: torch.Tensor, *, casts: bool) -> list[torch.Tensor]:
    """Output, and gradients of the input, the weight and the bias."""
    x = x.clone().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=casts):
        y = layer(x)
    layer.zero_grad()
    torch.autograd.backward(y.float().square().sum())
    assert layer.bias is not None
    return [
        y.detach(),
        *(one.grad for one in (x, layer.weight, layer.bias) if one.grad is not None),
    ]


@pytest.mark.parametrize("casts", [False, True])
@pytest.mark.parametrize(("window", "stride", "h", "w"), NARROW)
def test_gradients_on_a_narrow_map_are_those_of_fp32_and_repeat(
    window: int, stride: int, h: int, w: int, casts: bool
) -> None:
    torch.manual_seed(0)
    layer = SoundConv2d(8, 16, window, stride, padding=window // 2).bfloat16()
    x = torch.randn(16, 8, h, w).bfloat16()
    plain = nn.Conv2d(8, 16, window, stride, padding=window // 2)
    plain.load_state_dict(layer.state_dict())
    expected = convolved(plain, x.float(), casts=False)
    if casts:
        layer, x = layer.float(), x.float()
    first = convolved(layer, x, casts=casts)
    assert first[0].dtype == torch.bfloat16
    assert len(first) == 4
    for one, other in zip(first, expected, strict=True):
        assert float((one - other).norm()) <= 2e-2 * float(other.norm())
    for _ in range(3):
        litter()
        again = convolved(layer, x, casts=casts)
        assert all(torch.equal(one, other) for one, other in zip(again, first, strict=True))


def test_doubles_stay_doubles_under_autocast() -> None:
    layer = SoundConv2d(8, 16, 3, 2, padding=1).double()
    x = torch.randn(4, 8, 1, 1, dtype=torch.float64)
    expected = layer(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(layer(x), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_on_other_maps_it_is_torchs_own(dtype: torch.dtype) -> None:
    layer = SoundConv2d(8, 16, 3, 2, padding=1).to(dtype)
    plain = nn.Conv2d(8, 16, 3, 2, padding=1).to(dtype)
    plain.load_state_dict(layer.state_dict())
    for size in ((2, 2), (1, 5)):
        x = torch.randn(4, 8, *size).to(dtype)
        assert torch.equal(layer(x), plain(x))
