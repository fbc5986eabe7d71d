"""Fine-tuning at another block, halo or resolution starts from interpolated tables."""

import pytest
import torch

from sabench.catalog.networks import networks
from sabench.errors import ConfigError
from sabench.networks.build import build_network
from sabench.networks.transfer import take_weights

SMALL = {"width": 0.25, "depth": 0.1, "classes": 3}


def built(name, resolution, seed, **raw):
    torch.manual_seed(seed)
    network = networks()[name]
    return build_network(network.plan(*network.parse(SMALL | raw), resolution)).eval()


def halo_tables(network):
    layer = network.get_submodule("group1.0.slot.layer")
    return layer.rows, layer.columns, layer.zero


@pytest.mark.parametrize(("block", "halo"), [(12, 2), (16, 1)])
def test_a_table_that_is_linear_in_the_displacement_stays_so(block, halo):
    """8 + 2 reaches 9 pixels; 12 + 2 reaches 13, 16 + 1 reaches 16: as far as 9 did."""
    trained = built("halonet_h4_21k", 64, seed=0)
    tuned = built("halonet_h4_21k", 64, seed=1, block=block, halo=halo)
    reach = block + halo - 1
    rows, _, zero = halo_tables(trained)
    with torch.no_grad():
        rows.copy_((torch.arange(len(rows)) - zero)[:, None].expand_as(rows))
    take_weights(tuned, trained)
    rows, _, zero = halo_tables(tuned)
    displacements = torch.arange(-reach, reach + 1)
    expected = (displacements * 9 / reach)[:, None].expand(-1, rows.shape[1])
    torch.testing.assert_close(rows[displacements + zero], expected)


def test_the_same_network_takes_the_weights_as_they_are():
    image = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    trained, tuned = (built("halonet_h4_21k", 64, seed) for seed in (0, 1))
    take_weights(tuned, trained)
    assert torch.equal(tuned(image), trained(image))


def test_tables_of_whole_maps_keep_their_ends_and_their_middle():
    """Group 2 of 64 pixels sees maps of 16, of 96 pixels maps of 24: 31 and 47 displacements."""
    raw = {"mix": "conv,global_attention,conv,conv"}
    trained, tuned = built("resnet26", 64, 0, **raw), built("resnet26", 96, 1, **raw)
    take_weights(tuned, trained)
    old, new = (one.get_submodule("group2.0.slot.layer").rows for one in (trained, tuned))
    assert (len(old), len(new)) == (31, 47)
    torch.testing.assert_close(new[[0, 23, 46]], old[[0, 15, 30]])


def test_another_networks_weights_are_refused():
    trained, tuned = built("halonet_h0", 64, 0), built("halonet_h1", 64, 1)
    with pytest.raises(ConfigError, match="these weights are another network's"):
        take_weights(tuned, trained)
