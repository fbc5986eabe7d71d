"""A package of somebody else's: one layer, offered through the entry-point group."""

from sabench.catalog.rows import Layer, Options, Positive, Problem, Size


class BlurOptions(Options):
    """`taps`: the side of the square that is averaged."""

    taps: Positive = 3


def problems(
    options: BlurOptions, in_channels: int, out_channels: int, size: Size, stride: int
) -> Problem | None:
    """The blur needs a centre."""
    if options.taps % 2 == 0:
        return Problem("taps", f"taps={options.taps} is even: a blur needs a centre")
    return None


BLUR = Layer(
    "stranger_blur",
    target="stranger.blur:Blur2d",
    options=BlurOptions,
    source="a stranger's package",
    year=2026,
    title="average, then a 1x1 convolution",
    small=BlurOptions(),
    cost=None,
    problems=problems,
)
