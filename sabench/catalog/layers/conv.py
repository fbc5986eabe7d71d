"""Convolution: the layer every other one is held against."""

from sabench.catalog.rows import Cost, Layer, Options, Positive, Problem, Size, Switch, strided


class ConvOptions(Options):
    """`groups` splits the channels; `depthwise` gives every channel its own filter.

    An even window must be as wide as the stride: it cuts the map into patches, none of them padded.
    """

    window: Positive = 3
    groups: Positive = 1
    depthwise: Switch = False
    bias: Switch = False


def conv_groups(options: ConvOptions, in_channels: int) -> int:
    """The group count torch is given."""
    return in_channels if options.depthwise else options.groups


def conv_cost(
    options: ConvOptions, in_channels: int, out_channels: int, size: Size, stride: int
) -> Cost:
    """window^2 C_in C_out / groups weights, each used once per output position."""
    groups = conv_groups(options, in_channels)
    weights = options.window**2 * in_channels * out_channels // groups
    params = weights + (out_channels if options.bias else 0)
    height, width = strided(size, stride)
    traffic = in_channels * size[0] * size[1] + out_channels * height * width + params
    return Cost(params, weights * height * width, 4 * traffic)


def is_patches(options: ConvOptions, stride: int) -> bool:
    """Whether the windows tile the map: even ones have no other place to stand."""
    return options.window % 2 == 0 and options.window == stride


def conv_problems(
    options: ConvOptions, in_channels: int, out_channels: int, size: Size, stride: int
) -> Problem | None:
    """Even windows have no centre; groups must divide both channel counts."""
    if is_patches(options, stride):
        if size[0] % stride or size[1] % stride:
            return Problem(
                "window", f"patches of window={options.window} do not tile {size[0]}x{size[1]}"
            )
    elif options.window % 2 == 0:
        return Problem("window", f"window={options.window} is even: a convolution needs a centre")
    if options.depthwise and options.groups != 1:
        return Problem("groups", f"groups={options.groups} and depthwise exclude each other")
    groups = conv_groups(options, in_channels)
    if in_channels % groups or out_channels % groups:
        return Problem(
            "groups", f"groups={groups} does not divide channels={in_channels}, {out_channels}"
        )
    return None


def conv_at_window(options: ConvOptions, window: int) -> Options | Problem:
    """The kernel is the window."""
    if window % 2 == 0:
        return Problem("window", f"window={window} is even: a convolution needs a centre")
    return options.model_copy(update={"window": window})


CONV = Layer(
    "conv",
    target="sabench.layers.conv:Conv2d",
    options=ConvOptions,
    source="LeCun et al. 1989",
    year=1989,
    title="convolution",
    small=ConvOptions(),
    cost=conv_cost,
    problems=conv_problems,
    at_window=conv_at_window,
)
