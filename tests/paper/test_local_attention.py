"""Parameters and flops printed in the papers of SASA, AACN and HaloNet, from the closed forms.

`ours` was counted from the definitions before this code; `printed` is the paper's figure.
Params hold to 0.001 M on ours, and to the paper's rounding except where a reason stands.
"""

from typing import NamedTuple

import pytest

from sabench.catalog.networks import networks
from sabench.catalog.networks.cost import network_cost

pytestmark = pytest.mark.paper


class Params(NamedTuple):
    """A row of a table, in millions; `off`: the share by which the paper's own figure differs."""

    row: str
    network: str
    raw: dict[str, object]
    ours: float
    printed: float
    off: float = 0.0  # beyond the rounding of `printed`
    reason: str = ""


class Flops(NamedTuple):
    """A row of a table, in thousand millions of 2 x macs."""

    row: str
    network: str
    raw: dict[str, object]
    printed: float
    tolerance: float
    reason: str


SASA = {"mix": "self_attention"}
FULL = {"mix": "self_attention", "stem": "self_attention"}


def conv_in(groups: str) -> dict[str, object]:
    """Convolution in some groups, self-attention in the others."""
    return {"mix": ",".join("conv" if number in groups else "self_attention" for number in "1234")}


def augmented(kappa: float, upsilon: float) -> dict[str, object]:
    return {
        "mix": "conv,augmented,augmented,augmented",
        "augmented.kappa": kappa,
        "augmented.upsilon": upsilon,
    }


NO_POOL = "the tables of the 28x28 group are counted at 28x28: 0.004-0.008 M above the pooled form"

PARAMS = (
    Params("SASA table 1, ResNet-26 convolution", "resnet26", {}, 13.697, 13.7),
    Params("SASA table 1, ResNet-26 conv-stem", "resnet26", SASA, 10.331, 10.3),
    Params("SASA table 1, ResNet-26 full attention", "resnet26", FULL, 10.324, 10.3),
    Params("SASA table 1, ResNet-50 convolution", "resnet50", {}, 25.557, 25.6),
    Params("SASA table 1, ResNet-50 conv-stem", "resnet50", SASA, 18.016, 18.0),
    Params("SASA table 1, ResNet-50 full attention", "resnet50", FULL, 18.009, 18.0),
    Params("SASA groups, conv in 1", "resnet50", conv_in("1"), 18.089, 18.1),
    Params("SASA groups, conv in 1-3", "resnet50", conv_in("123"), 20.840, 20.8),
    Params("SASA groups, conv in 1-4", "resnet50", conv_in("1234"), 25.557, 25.6),
    Params(
        "SASA groups, conv in 3-4",
        *("resnet50", conv_in("34"), 25.091, 25.0),
        off=0.004,
        reason="the one row of the table that no reading of the text reaches",
    ),
    Params(
        "AACN, AA-ResNet-34",
        *("resnet34", augmented(0.25, 0.25), 20.750, 20.7),
        off=0.0005,
        reason=NO_POOL,
    ),
    Params("AACN, AA-ResNet-50", "resnet50", augmented(0.2, 0.1), 25.814, 25.8),
    Params("AACN, AA-ResNet-152", "resnet152", augmented(0.2, 0.1), 61.622, 61.6),
    Params("AACN, kappa = upsilon = 0.25", "resnet50", augmented(0.25, 0.25), 24.308, 24.3),
    Params("AACN, kappa = upsilon = 1", "resnet50", augmented(1.0, 1.0), 19.388, 19.4),
    Params("HaloNet, H0", "halonet_h0", {}, 5.502, 5.5),
    Params(
        "HaloNet, H3 as its df is printed",
        *("halonet_h3", {}, 11.843, 12.3),
        off=0.035,
        reason="df is printed as 1024; 1280 gives the printed parameters",
    ),
    Params("HaloNet, H3 with df=1280", "halonet_h3", {"df": 1280}, 12.296, 12.3),
    Params("HaloNet, H4", "halonet_h4", {}, 19.103, 19.1),
    Params("HaloNet, H7", "halonet_h7", {}, 67.435, 67.0, off=0.001, reason="printed as 67"),
)

CONVENTION = "printed to one decimal, and what beside products is counted is not said"

FLOPS = (
    Flops("SASA, ResNet-26 conv, recounted", "resnet26", {}, 4.685, 0.005, "no attention"),
    Flops("SASA, ResNet-50 conv, recounted", "resnet50", {}, 8.178, 0.005, "no attention"),
    Flops("SASA table 1, ResNet-26 convolution", "resnet26", {}, 4.7, 0.012, CONVENTION),
    Flops("SASA table 1, ResNet-26 conv-stem", "resnet26", SASA, 4.5, 0.02, CONVENTION),
    Flops("SASA table 1, ResNet-26 full attention", "resnet26", FULL, 4.7, 0.02, CONVENTION),
    Flops("SASA table 1, ResNet-50 convolution", "resnet50", {}, 8.2, 0.012, CONVENTION),
    Flops("SASA table 1, ResNet-50 conv-stem", "resnet50", SASA, 7.0, 0.02, CONVENTION),
    Flops("SASA table 1, ResNet-50 full attention", "resnet50", FULL, 7.2, 0.02, CONVENTION),
    Flops("SASA groups, conv in 1", "resnet50", conv_in("1"), 7.3, 0.02, CONVENTION),
    Flops("SASA groups, conv in 1-3", "resnet50", conv_in("123"), 8.0, 0.02, CONVENTION),
    Flops("SASA groups, conv in 3-4", "resnet50", conv_in("34"), 7.8, 0.02, CONVENTION),
    Flops(
        "SASA spatial extent, window 3",
        *("resnet50", SASA | {"self_attention.window": 3}, 6.6, 0.02, CONVENTION),
    ),
    Flops(
        "SASA spatial extent, window 11",
        *("resnet50", SASA | {"self_attention.window": 11}, 7.7, 0.02, CONVENTION),
    ),
    Flops("AACN, ResNet-34", "resnet34", {}, 7.4, 0.012, CONVENTION),
)


def cost_of(name: str, raw: dict[str, object]):
    network = networks()[name]
    return network_cost(network.plan(*network.parse(raw), network.resolution))


@pytest.mark.parametrize("row", PARAMS, ids=[row.row for row in PARAMS])
def test_parameters_of_a_published_network(row):
    millions = cost_of(row.network, row.raw).params / 1e6
    assert millions == pytest.approx(row.ours, abs=0.001)
    decimals = 0.5 if row.printed == 67.0 else 0.05
    assert abs(millions - row.printed) <= decimals + row.off * row.printed, row.reason


@pytest.mark.parametrize("row", FLOPS, ids=[row.row for row in FLOPS])
def test_flops_of_a_published_network(row):
    flops = 2 * cost_of(row.network, row.raw).macs / 1e9
    assert flops == pytest.approx(row.printed, rel=row.tolerance), row.reason


def test_pooling_after_attention_is_what_the_paper_counted():
    """Attention evaluated on the strided map would give 6.12 instead of 7.0."""
    assert 2 * cost_of("resnet50", SASA).macs / 1e9 > 6.9
