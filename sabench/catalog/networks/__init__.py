"""The table of networks: built-in rows and those of the entry-point group `sabench.networks`."""

from functools import cache
from importlib.metadata import entry_points

from sabench.catalog.networks.halonet import HALONETS
from sabench.catalog.networks.resnet import RESNETS
from sabench.catalog.networks.rows import Network
from sabench.errors import ConfigError

BUILT_IN: tuple[Network, ...] = (*RESNETS, *HALONETS)


@cache
def networks() -> dict[str, Network]:
    """Every known network by name.

    Raises: ConfigError if an entry point cannot be loaded, is no Network, or takes a taken name.
    """
    table = {row.name: row for row in BUILT_IN}
    for point in entry_points(group="sabench.networks"):
        try:
            row = point.load()
        except Exception as error:  # a stranger's package may raise anything
            raise ConfigError(f"entry point {point.name} = {point.value}: {error}") from error
        if not isinstance(row, Network):
            raise ConfigError(f"entry point {point.name} = {point.value} is no sabench Network")
        if row.name in table:
            raise ConfigError(f"entry point {point.name}: the network {row.name!r} exists already")
        table[row.name] = row
    return table
