"""MACs that a layer is seen to multiply on a device, for the tests of counts on CPU and GPU."""

import re
import warnings
from typing import NamedTuple

import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from layer_variants import ON_ANY_DEVICE
from sabench.catalog.implementations import executed_macs, resolve
from sabench.catalog.layers import layers
from sabench.catalog.rows import Layer, Options
from sabench.count import OUR_FORMULAS
from sabench.layers.build import build_layer

CHANNELS, SIZE = 16, (10, 7)

LAYERS = ("conv", "self_attention", "augmented", "halo", "global_attention")
EACH = [
    (name, implementation)
    for name in LAYERS
    for implementation in ON_ANY_DEVICE
    if resolve(layers()[name], implementation) == implementation
]

BACKENDS = {
    "math": SDPBackend.MATH,
    "flash": SDPBackend.FLASH_ATTENTION,
    "efficient": SDPBackend.EFFICIENT_ATTENTION,
}
HALOS: dict[str, dict[str, object]] = {
    "with a bias": {},
    "without a bias": {"position": "none", "border": "zeros"},  # the only one flash takes on CUDA
}
FUSED = re.compile(r"_scaled_dot_product_(flash|efficient|cudnn)_attention")
REFUSES = re.compile(r"No (available kernel|viable backend)")


class Counted(NamedTuple):
    """What was counted, what the closed form expects, and the fused backends that were at work."""

    macs: int
    expected: int
    fused: set[str]


def count_layer(device: str, name: str, implementation: str) -> Counted:
    """A small layer in fp32, its forward pass run and counted on that device."""
    row = layers()[name]
    return _count(device, row, row.small, implementation, torch.float32)


def count_halo(device: str, backend: str, halo: str) -> Counted:
    """A small halo layer in bf16 through one backend of torch's attention.

    Skips where the backend refuses, with its reason.
    """
    row = layers()["halo"]
    options = row.small.model_copy(update=HALOS[halo])
    with warnings.catch_warnings(record=True) as told, sdpa_kernel(BACKENDS[backend]):
        warnings.simplefilter("always")
        try:
            return _count(device, row, options, "sdpa", torch.bfloat16)
        except RuntimeError as error:
            if not REFUSES.match(str(error)):
                raise
            why = [str(error), *(str(one.message).split(" (Triggered")[0] for one in told)]
            pytest.skip(f"{backend} refuses on {device}: {' '.join(why)}")


def _count(
    device: str, row: Layer, options: Options, implementation: str, dtype: torch.dtype
) -> Counted:
    module: nn.Module = build_layer(
        row, options, CHANNELS, CHANNELS, size=SIZE, implementation=implementation
    )
    module = module.to(device, dtype).eval()
    x = torch.ones(1, CHANNELS, *SIZE, device=device, dtype=dtype)
    with torch.no_grad(), FlopCounterMode(display=False, custom_mapping=OUR_FORMULAS) as counter:
        module(x)
    expected = executed_macs(row, options, CHANNELS, CHANNELS, SIZE, 1, implementation)
    operators = " ".join(map(str, counter.get_flop_counts()["Global"]))
    return Counted(counter.get_total_flops() // 2, expected, set(FUSED.findall(operators)))
