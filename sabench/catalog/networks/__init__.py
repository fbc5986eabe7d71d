"""The table of networks: built-in rows and those of the entry-point group `sabench.networks`."""

from functools import cache

from sabench.catalog.entry_points import rows_of
from sabench.catalog.networks.augmented_resnet import AUGMENTED_RESNETS
from sabench.catalog.networks.halonet import HALONETS
from sabench.catalog.networks.mnasnet import MNASNETS
from sabench.catalog.networks.probe import PROBES
from sabench.catalog.networks.resnet import RESNETS
from sabench.catalog.networks.retinanet import RETINANETS
from sabench.catalog.networks.rows import Network
from sabench.catalog.networks.wide_resnet import WIDE_RESNETS

BUILT_IN: tuple[Network, ...] = (
    *RESNETS,
    *AUGMENTED_RESNETS,
    *WIDE_RESNETS,
    *MNASNETS,
    *HALONETS,
    *RETINANETS,
    *PROBES,
)


@cache
def networks() -> dict[str, Network]:
    """Every known network by name.

    Raises: ConfigError if an entry point cannot be loaded, is no Network, or takes a taken name.
    """
    return rows_of("sabench.networks", Network, BUILT_IN)
