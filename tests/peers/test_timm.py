"""timm's layers with our weights give our outputs."""

import warnings
from importlib.util import find_spec
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from layer_variants import ON_ANY_DEVICE
from sabench.catalog.layers.global_attention import GLOBAL_ATTENTION, GlobalAttentionOptions
from sabench.catalog.layers.halo import HALO, HaloOptions
from sabench.layers.build import build_layer

each_implementation = pytest.mark.parametrize("implementation", ON_ANY_DEVICE)


@pytest.fixture(scope="module")
def timm_layers() -> SimpleNamespace:
    """timm's two layers, their import's warnings aside."""
    if find_spec("timm") is None:
        pytest.skip("timm is not installed: make peers")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from timm.layers.bottleneck_attn import BottleneckAttn
        from timm.layers.halo_attn import HaloAttn
    return SimpleNamespace(HaloAttn=HaloAttn, BottleneckAttn=BottleneckAttn)


def assert_same(ours: nn.Module, theirs: nn.Module, x: Tensor) -> None:
    """Outputs and input gradients differ by less than 1e-5 of their norm."""
    results = []
    for layer in (ours, theirs):
        given = x.clone().requires_grad_()
        out = layer(given)
        out.backward(torch.linspace(-1, 1, out.numel()).view_as(out))
        results.append((out.detach(), given.grad))
    for mine, peer in zip(*results, strict=True):
        assert mine is not None
        assert peer is not None
        assert (mine - peer).norm() <= 1e-5 * peer.norm()


def copy_halo(ours: nn.Module, theirs: nn.Module, heads: int) -> None:
    """Our weights in timm's order: k and v side by side in each head.

    timm multiplies q.k by d^-1/2, which the paper's equation does not: its keys get the inverse.
    """
    weights = dict(ours.named_parameters())
    keys = len(weights["to_q.weight"])
    k, v = (part.unflatten(0, (heads, -1)) for part in weights["to_kv.weight"].tensor_split([keys]))
    with torch.no_grad():
        theirs.get_parameter("q.weight").copy_(weights["to_q.weight"])
        k = k * (keys // heads) ** 0.5
        theirs.get_parameter("kv.weight").copy_(torch.cat([k, v], dim=1).flatten(0, 1))
        theirs.get_parameter("pos_embed.height_rel").copy_(weights["rows"])
        theirs.get_parameter("pos_embed.width_rel").copy_(weights["columns"])


@each_implementation
@pytest.mark.parametrize(("block", "halo"), [(8, 3), (4, 1), (8, 0), (2, 3)])
def test_halo_with_zeros_at_the_border_equals_timm(
    timm_layers: SimpleNamespace, implementation: str, block: int, halo: int
) -> None:
    torch.manual_seed(0)
    options = HaloOptions(block=block, halo=halo, heads=4, border="zeros")
    ours = build_layer(HALO, options, 24, 32, size=(16, 24), implementation=implementation)
    theirs = timm_layers.HaloAttn(24, 32, num_heads=4, block_size=block, halo_size=halo)
    copy_halo(ours, theirs, heads=4)
    assert_same(ours, theirs, torch.randn(2, 24, 16, 24))


@each_implementation
def test_wide_values_equal_timm(timm_layers: SimpleNamespace, implementation: str) -> None:
    torch.manual_seed(0)
    options = HaloOptions(block=4, halo=2, heads=4, border="zeros", rv=2)
    ours = build_layer(HALO, options, 16, 64, size=(8, 8), implementation=implementation)
    theirs = timm_layers.HaloAttn(16, 64, num_heads=4, block_size=4, halo_size=2, qk_ratio=0.5)
    copy_halo(ours, theirs, heads=4)
    assert_same(ours, theirs, torch.randn(2, 16, 8, 8))


@each_implementation
def test_strided_halo_equals_timm_without_positions(
    timm_layers: SimpleNamespace, implementation: str
) -> None:
    """timm looks positions of kept queries up as if they were neighbours; ours are in pixels."""
    torch.manual_seed(0)
    options = HaloOptions(block=8, halo=3, heads=4, border="zeros")
    ours = build_layer(
        HALO, options, 16, 32, stride=2, size=(16, 16), implementation=implementation
    )
    theirs = timm_layers.HaloAttn(16, 32, num_heads=4, block_size=8, halo_size=3, stride=2)
    nn.init.zeros_(ours.get_parameter("rows"))
    nn.init.zeros_(ours.get_parameter("columns"))
    copy_halo(ours, theirs, heads=4)
    assert_same(ours, theirs, torch.randn(2, 16, 16, 16))


@each_implementation
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("scaled_positions", [True, False])
def test_global_attention_equals_timm(
    timm_layers: SimpleNamespace, implementation: str, stride: int, scaled_positions: bool
) -> None:
    """By default timm leaves the positions unscaled: its tables get the factor."""
    torch.manual_seed(0)
    ours = build_layer(
        GLOBAL_ATTENTION,
        GlobalAttentionOptions(heads=4),
        24,
        64,
        stride=stride,
        size=(6, 8),
        implementation=implementation,
    )
    theirs = timm_layers.BottleneckAttn(
        24, 64, feat_size=(6, 8), num_heads=4, stride=stride, scale_pos_embed=scaled_positions
    )
    factor = 1 if scaled_positions else 16**-0.5
    with torch.no_grad():
        theirs.qkv.weight.copy_(ours.get_parameter("to_qkv.weight"))
        theirs.pos_embed.height_rel.copy_(ours.get_parameter("rows") * factor)
        theirs.pos_embed.width_rel.copy_(ours.get_parameter("columns") * factor)
    assert_same(ours, theirs, torch.randn(2, 24, 6, 8))
