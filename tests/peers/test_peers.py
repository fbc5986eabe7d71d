"""Other libraries' layers with our weights give our outputs, and cost what their rows say."""

from importlib.util import find_spec
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from sabench.catalog.implementations import IMPLEMENTATIONS, executed_macs
from sabench.catalog.layers.global_attention import GLOBAL_ATTENTION, GlobalAttentionOptions
from sabench.catalog.layers.halo import HALO, HaloOptions
from sabench.catalog.rows import Layer, Options, Size
from sabench.count import count
from sabench.layers.build import build_layer


class Asked(NamedTuple):
    """A layer that a peer computes."""

    peer: str
    row: Layer
    options: Options
    channels: tuple[int, int]
    size: Size
    stride: int = 1

    def __str__(self) -> str:
        values = ",".join(f"{key}={value}" for key, value in self.options)
        return f"{self.peer}:{self.row.name},{values},{self.size[0]}x{self.size[1]}/{self.stride}"


def halo(**values: object) -> HaloOptions:
    return HaloOptions.model_validate({"heads": 4, "border": "zeros"} | values)


ASKED = [
    *(
        Asked("timm", HALO, halo(block=block, halo=reach), (24, 32), (16, 24))
        for block, reach in [(8, 3), (4, 1), (8, 0), (2, 3)]
    ),
    Asked("timm", HALO, halo(block=4, halo=2, rv=2), (16, 64), (8, 8)),
    Asked("timm", HALO, halo(block=4, halo=0, border="mask"), (16, 16), (8, 8)),
    Asked("timm", GLOBAL_ATTENTION, GlobalAttentionOptions(heads=4), (24, 64), (6, 8)),
    Asked("timm", GLOBAL_ATTENTION, GlobalAttentionOptions(heads=4), (24, 64), (6, 8), 2),
    *(
        Asked("lucidrains", HALO, halo(block=block, halo=reach, border="mask"), (32, 32), (16, 24))
        for block, reach in [(8, 3), (4, 1), (2, 3)]
    ),
]


@pytest.fixture(params=ASKED, ids=str)
def asked(request: pytest.FixtureRequest) -> Asked:
    """Each of the above whose library is here."""
    found: Asked = request.param
    if find_spec(IMPLEMENTATIONS[found.peer].package) is None:
        pytest.skip(reason=f"{found.peer} is not installed: make peers")
    return found


def built(asked: Asked, implementation: str) -> nn.Module:
    torch.manual_seed(0)
    return build_layer(
        asked.row,
        asked.options,
        *asked.channels,
        stride=asked.stride,
        size=asked.size,
        implementation=implementation,
    )


def outputs(layer: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Of the layer and of its backward pass."""
    given = x.clone().requires_grad_()
    out = layer(given)
    out.backward(torch.linspace(-1, 1, out.numel()).view_as(out))
    assert given.grad is not None
    return out.detach(), given.grad


def test_a_peer_gives_what_ours_gives(asked: Asked) -> None:
    x = torch.randn(2, asked.channels[0], *asked.size)
    ours = outputs(built(asked, "reference"), x)
    theirs = outputs(built(asked, asked.peer), x)
    for mine, peer in zip(ours, theirs, strict=True):
        assert (mine - peer).norm() <= 1e-5 * mine.norm()


def test_a_peer_multiplies_what_its_row_says(asked: Asked) -> None:
    counted = count(built(asked, asked.peer), (asked.channels[0], *asked.size)).flop_counter
    assert counted.macs == executed_macs(
        asked.row, asked.options, *asked.channels, asked.size, asked.stride, asked.peer
    )


def test_what_is_timed_under_a_peers_name_is_its_code(asked: Asked) -> None:
    made = built(asked, asked.peer)
    assert type(made).__module__.split(".")[0] == IMPLEMENTATIONS[asked.peer].package


def test_a_strided_halo_without_positions_is_timms() -> None:
    """timm looks positions of kept queries up as if they were neighbours, and is refused for it:
    beside tables of zeros it holds our stride."""
    if find_spec("timm") is None:
        pytest.skip(reason="timm is not installed: make peers")
    asked = Asked("timm", HALO, halo(block=8, halo=3), (16, 32), (16, 16), stride=2)
    ours = built(asked, "reference")
    nn.init.zeros_(ours.get_parameter("rows"))
    nn.init.zeros_(ours.get_parameter("columns"))
    theirs = IMPLEMENTATIONS["timm"].load()(ours)
    x = torch.randn(2, 16, 16, 16)
    for mine, peer in zip(outputs(ours, x), outputs(theirs, x), strict=True):
        assert (mine - peer).norm() <= 1e-5 * mine.norm()
