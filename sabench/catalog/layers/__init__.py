"""The table of layers: the built-in rows and those of the entry-point group `sabench.layers`."""

from functools import cache
from importlib.metadata import entry_points

from sabench.catalog.layers.augmented import AUGMENTED
from sabench.catalog.layers.conv import CONV
from sabench.catalog.layers.global_attention import GLOBAL_ATTENTION
from sabench.catalog.layers.halo import HALO
from sabench.catalog.layers.self_attention import ATTENTION_STEM, SELF_ATTENTION
from sabench.catalog.layers.squeeze_excite import SQUEEZE_EXCITE
from sabench.catalog.rows import Layer
from sabench.errors import ConfigError

BUILT_IN: tuple[Layer, ...] = (
    CONV,
    SQUEEZE_EXCITE,
    SELF_ATTENTION,
    ATTENTION_STEM,
    AUGMENTED,
    HALO,
    GLOBAL_ATTENTION,
)


@cache
def layers() -> dict[str, Layer]:
    """Every known layer by name.

    Raises: ConfigError if an entry point cannot be loaded, is no Layer, or takes a taken name.
    """
    table = {row.name: row for row in BUILT_IN}
    for point in entry_points(group="sabench.layers"):
        try:
            row = point.load()
        except Exception as error:  # a stranger's package may raise anything
            raise ConfigError(f"entry point {point.name} = {point.value}: {error}") from error
        if not isinstance(row, Layer):
            raise ConfigError(f"entry point {point.name} = {point.value} is no sabench Layer")
        if row.name in table:
            raise ConfigError(f"entry point {point.name}: the layer {row.name!r} exists already")
        table[row.name] = row
    return table
