"""The layer that does nothing: a floor under every figure, and an empty place in a network."""

from sabench.catalog.rows import Cost, Layer, Options, Problem, Size


class IdentityOptions(Options):
    """It has none."""


def identity_cost(
    options: IdentityOptions, in_channels: int, out_channels: int, size: Size, stride: int
) -> Cost:
    """Nothing is computed and nothing need move."""
    return Cost(0, 0, 0)


def identity_problems(
    options: IdentityOptions, in_channels: int, out_channels: int, size: Size, stride: int
) -> Problem | None:
    """It keeps channels and map."""
    if stride != 1:
        return Problem("stride", f"stride={stride}: identity keeps the map")
    if in_channels != out_channels:
        return Problem("channels", "identity keeps the channels")
    return None


IDENTITY = Layer(
    "identity",
    target="sabench.layers.identity:Identity2d",
    options=IdentityOptions,
    source="arXiv:1512.03385",
    year=2015,
    title="identity",
    small=IdentityOptions(),
    cost=identity_cost,
    problems=identity_problems,
    square=True,
)
