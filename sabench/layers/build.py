"""From a catalogue row to a module."""

from torch import nn

from sabench.catalog.implementations import IMPLEMENTATIONS
from sabench.catalog.rows import Layer, Options, Size
from sabench.errors import ConfigError


def build_layer(
    row: Layer,
    options: Options,
    in_channels: int,
    out_channels: int,
    *,
    stride: int = 1,
    size: Size,
    implementation: str = "reference",
) -> nn.Module:
    """The row's layer for maps of `size`, computed by `implementation` if it calls `attend`.

    Raises: ConfigError if the values cannot go together, or the implementation is not known or
    does not compute such a layer.
    """
    problem = row.problems(options, in_channels, out_channels, size, stride)
    if problem is not None:
        raise ConfigError(f"{row.name}: {problem.text}")
    if implementation not in IMPLEMENTATIONS:
        known = ", ".join(IMPLEMENTATIONS)
        raise ConfigError(f"implementation {implementation!r} is not known; there are {known}")
    make = row.load()
    if row.attention is None:
        layer = make(in_channels, out_channels, stride=stride, size=size, options=options)
    else:
        chosen = IMPLEMENTATIONS[implementation]
        problem = chosen.problem(row, options, in_channels, out_channels, size, stride)
        if problem is not None:
            raise ConfigError(f"{row.name}: {problem.text}")
        function = chosen.load()
        attend = IMPLEMENTATIONS["reference"].load() if chosen.package else function
        layer = make(
            in_channels, out_channels, stride=stride, size=size, options=options, attend=attend
        )
        if chosen.package:
            layer = function(layer)
    assert isinstance(layer, nn.Module)
    return layer
