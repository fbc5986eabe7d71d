"""The table of layers: the built-in rows and those of the entry-point group `sabench.layers`."""

from functools import cache

from sabench.catalog.entry_points import rows_of
from sabench.catalog.layers.augmented import AUGMENTED
from sabench.catalog.layers.conv import CONV
from sabench.catalog.layers.global_attention import GLOBAL_ATTENTION
from sabench.catalog.layers.halo import HALO
from sabench.catalog.layers.identity import IDENTITY
from sabench.catalog.layers.self_attention import ATTENTION_STEM, SELF_ATTENTION
from sabench.catalog.layers.squeeze_excite import SQUEEZE_EXCITE
from sabench.catalog.rows import Layer

BUILT_IN: tuple[Layer, ...] = (
    CONV,
    SQUEEZE_EXCITE,
    SELF_ATTENTION,
    ATTENTION_STEM,
    AUGMENTED,
    HALO,
    GLOBAL_ATTENTION,
    IDENTITY,
)


@cache
def layers() -> dict[str, Layer]:
    """Every known layer by name.

    Raises: ConfigError if an entry point cannot be loaded, is no Layer, or takes a taken name.
    """
    return rows_of("sabench.layers", Layer, BUILT_IN)
