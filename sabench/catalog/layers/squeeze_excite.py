"""Squeeze-and-excitation (arXiv:1709.01507): channels weighed by their global mean."""

from sabench.catalog.rows import Cost, Layer, Natural, Options, Positive, Problem, Size


class SqueezeExciteOptions(Options):
    """`reduction` divides the channels in the bottleneck of the two linear maps.

    `inner`: the bottleneck's channels where they follow another rule, 0 for the reduction's.
    """

    reduction: Positive = 16
    inner: Natural = 0


def excite_width(options: SqueezeExciteOptions, channels: int) -> int:
    """Channels between the two linear maps."""
    return options.inner or channels // options.reduction


def squeeze_excite_cost(
    options: SqueezeExciteOptions, in_channels: int, out_channels: int, size: Size, stride: int
) -> Cost:
    """Two linear maps with bias on one vector; pooling and scaling are not counted."""
    inner = excite_width(options, in_channels)
    weights = 2 * in_channels * inner
    params = weights + inner + in_channels
    return Cost(params, weights, 4 * (2 * in_channels * size[0] * size[1] + params))


def squeeze_excite_problems(
    options: SqueezeExciteOptions, in_channels: int, out_channels: int, size: Size, stride: int
) -> Problem | None:
    """It keeps channels and map."""
    if stride != 1:
        return Problem("stride", f"stride={stride}: squeeze_excite keeps the map")
    if in_channels != out_channels:
        return Problem("channels", "squeeze_excite keeps the channels")
    if not excite_width(options, in_channels):
        return Problem(
            "reduction", f"reduction={options.reduction} leaves none of {in_channels} channels"
        )
    return None


SQUEEZE_EXCITE = Layer(
    "squeeze_excite",
    target="sabench.layers.squeeze_excite:SqueezeExcite2d",
    options=SqueezeExciteOptions,
    source="arXiv:1709.01507",
    year=2017,
    title="squeeze-and-excitation",
    small=SqueezeExciteOptions(reduction=4),
    cost=squeeze_excite_cost,
    problems=squeeze_excite_problems,
    sees_all=True,
    square=True,
)
