"""A network that sees as far as its layers do, to tell local layers from global ones by."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, StrictStr

from sabench.catalog.networks.options import Blocks, Factor, Grouped, one_layer
from sabench.catalog.networks.parts import Overrides, conv_step, scaled, slot_step
from sabench.catalog.networks.plan import IMAGE_CHANNELS, Block, Classifier, Norm, Plan
from sabench.catalog.networks.rows import Network
from sabench.catalog.rows import Options, Positive

BASE_WIDTH = 64
OneMix = Annotated[StrictStr, BeforeValidator(one_layer), Grouped()]


class ProbeOptions(Options):
    """`mix`: the layer; `layers` of it in a row; `width` times 64 channels. `norm`: batch norm
    after every map and layer, which helps several layers to learn, or none."""

    mix: OneMix = "conv"
    width: Factor = 1
    layers: Blocks = 1
    norm: Literal["none", "batch"] = "none"
    classes: Positive = 2


def probe_plan(options: ProbeOptions, overrides: Overrides, resolution: int) -> Plan:
    """Pixels embedded one by one, the layers with shortcuts, a hidden layer at each position.

    Nothing else mixes the positions of an image but the average before the linear head: no pool,
    and once it is trained a batch norm is one scale for all positions. So what no position sees
    together, only the sum of what the positions say can tell.
    """
    width = scaled(BASE_WIDTH, options.width)
    norm: Norm = "after" if options.norm == "batch" else "none"
    embed = conv_step("embed", IMAGE_CHANNELS, width, activation="relu", norm=norm, bias=True)
    hidden = conv_step("hidden", width, width, activation="relu", norm=norm, bias=True)
    blocks = tuple(
        Block((slot_step(options.mix, overrides, width, width, norm=norm),), "identity", "none")
        for _ in range(options.layers)
    )
    return Plan(
        resolution, (embed,), None, (blocks,), Classifier(width, options.classes, (hidden,))
    )


PROBES = (
    Network(
        "probe",
        family="probe",
        title="One layer between pointwise maps",
        source="sabench",
        year=2026,
        resolution=16,
        options=ProbeOptions,
        defaults=ProbeOptions(),
        plan=probe_plan,
        small={"width": 0.25, "classes": 5},
    ),
)
