"""What all networks of attention-augmented convolution share (arXiv:1904.09925)."""

from sabench.catalog.layers.augmented import AugmentedOptions, Share
from sabench.catalog.rows import Options, Positive


class AugmentingOptions(Options):
    """`kappa`, `upsilon`: shares of a slot's channels for keys and values, in `heads`.

    They reach the slots that hold augmented; any other layer keeps its own options.
    """

    kappa: Share = 0.2
    upsilon: Share = 0.1
    heads: Positive = 8


GOVERNED = {f"augmented.{key}": key for key in AugmentingOptions.model_fields}


def augmented_settings(
    options: AugmentingOptions, layer: str, group: int, *, base: AugmentedOptions
) -> AugmentedOptions | None:
    """`base` with the network's shares and heads, where the slot holds augmented."""
    if layer != "augmented":
        return None
    shares = {"kappa": options.kappa, "upsilon": options.upsilon, "heads": options.heads}
    return base.model_copy(update=shares)
