"""RetinaNets (arXiv:1708.02002) on ResNets, with convolution or attention in every part."""

from dataclasses import replace
from functools import partial
from typing import Literal

from sabench.catalog.layers.augmented import AugmentedOptions
from sabench.catalog.layers.self_attention import SelfAttentionOptions
from sabench.catalog.networks.augmenting import GOVERNED, AugmentingOptions, augmented_settings
from sabench.catalog.networks.detector import Detector
from sabench.catalog.networks.options import Mix, ResidualOptions
from sabench.catalog.networks.parts import Overrides, Settings, conv_step
from sabench.catalog.networks.plan import Activation, Plan, Step
from sabench.catalog.networks.resnet import resnet_plan
from sabench.catalog.networks.rows import SMALL, Network
from sabench.catalog.rows import Positive

HIDDEN = 4
"""Layers of a tower before the one that answers."""
ATTENTION = SelfAttentionOptions(window=7, heads=8)
LEVELS = (3, 4, 5)
"""Named by the logarithm of their strides, as the paper does."""
SMALL_DETECTOR = {**SMALL, "fpn_width": 64}

Spatial = Literal["conv", "self_attention"]


class RetinaNetOptions(ResidualOptions):
    """`head`, `fpn`: the layer of the towers and of the pyramid; `anchors` at each position.

    `fpn_width`: channels of pyramid and towers, which `width` leaves as they are. Their attention
    has window 7 and 8 heads; self_attention.window and the like reach the backbone's slots.
    """

    classes: Positive = 90
    anchors: Positive = 6
    head: Spatial = "conv"
    fpn: Spatial = "conv"
    fpn_width: Positive = 256


def retinanet_plan(
    options: RetinaNetOptions,
    overrides: Overrides,
    resolution: int,
    *,
    depth: int,
    settings: Settings | None = None,
) -> Plan:
    """A ResNet without its classifier, then the pyramid and the towers.

    Source: Lin et al. 2017 (arXiv:1708.02002), section 4; attention: Ramachandran et al. 2019
    (arXiv:1906.05909), section 4.2: window 7, 8 heads, an average behind a stride, and a pointwise
    convolution at the end of both towers.
    Open in the papers: anchors and where level 6 comes from. The printed 33.4 M need 6 anchors (2
    scales, 3 ratios), 90 classes, level 6 from level 5, biases in every convolution, no batch
    norm. With attention the text replaces the pyramid's 3x3 convolutions too (`fpn`), the printed
    22.0 M do not. Between the last attention of a tower and its pointwise convolution there is no
    activation, as there was none behind the convolution that it replaces.
    """
    plan = resnet_plan(options, overrides, resolution, depth=depth, settings=settings)
    channels = [group[-1].steps[-1].out_channels for group in plan.groups[-len(LEVELS) :]]
    width, smooth = options.fpn_width, partial(_spatial, options.fpn, options.fpn_width)
    head = Detector(
        anchors=options.anchors,
        classes=options.classes,
        laterals=tuple(
            _conv(f"lateral{level}", entry, width, window=1)
            for level, entry in zip(LEVELS, channels, strict=True)
        ),
        outputs=tuple(smooth(f"output{level}") for level in LEVELS),
        coarser=tuple(smooth(f"coarser{level}", stride=2) for level in (6, 7)),
        class_tower=_tower(options.head, width, options.anchors * options.classes),
        box_tower=_tower(options.head, width, options.anchors * 4),
    )
    return replace(plan, head=head)


def _tower(layer: Spatial, width: int, out_channels: int) -> tuple[Step, ...]:
    hidden = (
        _spatial(layer, width, f"hidden{number}", activation="relu")
        for number in range(1, HIDDEN + 1)
    )
    if layer == "conv":
        return (*hidden, _conv("out", width, out_channels, window=3))
    last = _spatial(layer, width, "last")
    return (*hidden, last, _conv("out", width, out_channels, window=1))


def _spatial(
    layer: Spatial, width: int, name: str, *, stride: int = 1, activation: Activation = "none"
) -> Step:
    if layer == "conv":
        return _conv(name, width, width, window=3, stride=stride, activation=activation)
    return Step(name, layer, ATTENTION, width, width, stride, activation, norm="none")


_conv = partial(conv_step, bias=True, norm="none")


class AugmentedRetinaNetOptions(AugmentingOptions, RetinaNetOptions):
    """A RetinaNet's options, then those of augmented convolution."""

    mix: Mix = "conv,augmented,augmented,augmented"


SLOT = AugmentedOptions(min_head_keys=0, max_map=40)
"""No least key width, and attention on 40x40 at most: only the 80x80 group is pooled for it.

Open in the paper: all of it. The printed 33.1 M and 51.7 M are 0.3-0.4 % above this; with a least
key width of 20 this would be above RetinaNet's own. AA-ResNets have the same share of an image, 14
of 224.
"""


def _retinanet(depth: int, *, source: str, year: int, se: int = 0) -> Network:
    return Network(
        f"{'se_' * bool(se)}retinanet_resnet{depth}",
        family="retinanet",
        title=f"{'SE-' * bool(se)}RetinaNet, ResNet-{depth}",
        source=source,
        year=year,
        resolution=640,
        options=RetinaNetOptions,
        defaults=RetinaNetOptions(se=se),
        plan=partial(retinanet_plan, depth=depth),
        small=SMALL_DETECTOR,
    )


def _augmented(depth: int) -> Network:
    return Network(
        f"aa_retinanet_resnet{depth}",
        family="retinanet",
        title=f"AA-RetinaNet, ResNet-{depth}",
        source="arXiv:1904.09925",
        year=2019,
        resolution=640,
        options=AugmentedRetinaNetOptions,
        defaults=AugmentedRetinaNetOptions(kappa=0.2, upsilon=0.1),
        plan=partial(retinanet_plan, depth=depth, settings=partial(augmented_settings, base=SLOT)),
        governs=GOVERNED,
        small={**SMALL_DETECTOR, "augmented.min_head_keys": 1, "augmented.min_head_values": 1},
    )


RETINANETS = (
    _retinanet(50, source="arXiv:1708.02002", year=2017),
    _retinanet(101, source="arXiv:1708.02002", year=2017),
    _retinanet(50, source="arXiv:1904.09925", year=2019, se=16),
    _retinanet(101, source="arXiv:1904.09925", year=2019, se=16),
    _augmented(50),
    _augmented(101),
)
