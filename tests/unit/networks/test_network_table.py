"""The table of networks, and what an installed package may add to it."""

from dataclasses import replace
from importlib.metadata import EntryPoint

import pytest

import sabench.catalog.entry_points as table
from sabench.catalog.networks import networks
from sabench.catalog.networks.cost import network_cost
from sabench.catalog.networks.parts import bottleneck, conv_step, slot_step
from sabench.catalog.networks.plan import Classifier, MaxPool, Plan
from sabench.catalog.networks.rows import Network
from sabench.catalog.rows import Options, Positive
from sabench.errors import ConfigError
from sabench.networks.build import build_network

FAMILIES = {
    "resnet": [
        *(f"resnet{depth}" for depth in (26, 34, 38, 50, 101, 152)),
        *(f"se_resnet{depth}" for depth in (34, 50, 101, 152)),
    ],
    "augmented_resnet": [f"aa_resnet{depth}" for depth in (34, 50, 101, 152)],
    "wide_resnet": ["wrn28_10", "se_wrn28_10", "aa_wrn28_10"],
    "mnasnet": ["mnasnet", "aa_mnasnet"],
    "halonet": [
        *(f"halonet_h{number}" for number in range(8)),
        *("halonet50", "halonet_h4_21k"),
    ],
    "retinanet": [
        f"{prefix}retinanet_resnet{depth}" for prefix in ("", "se_", "aa_") for depth in (50, 101)
    ],
}


class TinyOptions(Options):
    """Options that share nothing with the built-in families."""

    layer: str = "halo"
    channels: Positive = 16


def tiny_plan(options, overrides, resolution):
    slot = slot_step(options.layer, overrides, options.channels, options.channels)
    blocks = (bottleneck(8, slot, 24), bottleneck(24, slot, 24))
    return Plan(
        resolution, (conv_step("conv", 3, 8),), MaxPool(2, 2), (blocks,), Classifier(24, 10)
    )


TINY = Network(
    "tiny",
    family="tiny",
    title="a stranger's network",
    source="nowhere",
    year=2024,
    resolution=16,
    options=TinyOptions,
    defaults=TinyOptions(),
    plan=tiny_plan,
)
NOT_A_NETWORK = TinyOptions()
TAKEN = replace(TINY, name="resnet50")


@pytest.fixture
def installed(monkeypatch):
    """Make an entry point of the group `sabench.networks` appear."""

    def install(value):
        def points(group):
            mine = [EntryPoint("stranger", f"{__name__}:{value}", group)]
            return mine if group == "sabench.networks" else []

        monkeypatch.setattr(table, "entry_points", points)
        return networks.__wrapped__

    return install


@pytest.mark.parametrize("family", FAMILIES)
def test_the_table_has_the_papers_networks(family):
    """In this order; a row of one's own may stand anywhere."""
    names = [row.name for row in networks().values() if row.family == family]
    assert [name for name in names if name in FAMILIES[family]] == FAMILIES[family]


def test_an_entry_point_adds_a_network_with_all_that_comes_with_one(installed):
    network = installed("TINY")()["tiny"]
    options, overrides = network.parse({"channels": 8, "halo.heads": 4, "halo.block": 4})
    assert network.stated(options, overrides) == {
        "channels": 8,
        "halo.block": 4,
        "halo.heads": 4,
    }
    assert network.problems(options, overrides, 16) is None
    plan = network.plan(options, overrides, 16)
    params = sum(one.numel() for one in build_network(plan).parameters())
    assert params == network_cost(plan).params


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("NOT_A_NETWORK", "is no sabench Network"),
        ("TAKEN", "'resnet50' exists already"),
        ("MISSING", "MISSING"),
    ],
)
def test_an_entry_point_that_is_no_new_network_is_told(installed, value, told):
    with pytest.raises(ConfigError, match=told):
        installed(value)()
