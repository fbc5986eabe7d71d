"""ResNets whose 3x3 convolutions of groups 2-4 are attention-augmented (arXiv:1904.09925)."""

from functools import partial

from sabench.catalog.layers.augmented import AugmentedOptions
from sabench.catalog.networks.augmenting import GOVERNED, AugmentingOptions, augmented_settings
from sabench.catalog.networks.options import Mix, ResidualOptions
from sabench.catalog.networks.resnet import resnet_plan
from sabench.catalog.networks.rows import SMALL, Network


class AugmentedResnetOptions(AugmentingOptions, ResidualOptions):
    """A ResNet's options, then those of augmented convolution."""

    mix: Mix = "conv,augmented,augmented,augmented"


SLOT = AugmentedOptions(min_head_keys=20, max_map=14)
"""At least 20 dimensions a head for the keys; attention on 14x14 at most.

Open in the paper: which large maps are pooled for the attention. With the 28x28 group pooled to
14x14, and no other, the printed parameters of AA-ResNet-34 and flops of AA-ResNet-50 come out.
"""


def _augmented(depth: int, kappa: float, upsilon: float) -> Network:
    return Network(
        f"aa_resnet{depth}",
        family="augmented_resnet",
        title=f"AA-ResNet-{depth}",
        source="arXiv:1904.09925",
        year=2019,
        resolution=224,
        options=AugmentedResnetOptions,
        defaults=AugmentedResnetOptions(kappa=kappa, upsilon=upsilon),
        plan=partial(resnet_plan, depth=depth, settings=partial(augmented_settings, base=SLOT)),
        governs=GOVERNED,
        small={**SMALL, "augmented.min_head_values": 1},
    )


AUGMENTED_RESNETS = (
    _augmented(34, kappa=0.25, upsilon=0.25),
    _augmented(50, kappa=0.2, upsilon=0.1),
    _augmented(101, kappa=0.2, upsilon=0.1),
    _augmented(152, kappa=0.2, upsilon=0.1),
)
