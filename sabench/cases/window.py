"""What a window means for each layer when a suite matches receptive fields."""

from collections.abc import Iterable
from typing import Literal

from sabench.catalog.rows import Layer, Options, Problem

Window = int | Literal["all"] | None


def match_window(
    row: Layer, options: Options, window: int | None, stated: Iterable[str]
) -> tuple[Options, Window] | Problem:
    """The options whose receptive field is the window, and the window the case is listed under.

    conv: the kernel; self_attention: its window; halo: block + 2 halo, the block fixed. A layer
    that sees the whole map is listed under "all", whatever the window. `stated` are the options
    that the suite fixes: a window that asks for another value is a problem.
    """
    if row.sees_all:
        return options, "all"
    if row.at_window is None:
        return Problem("layer", f"{row.name} has no window that a receptive field could set")
    if window is None:
        return Problem("window", f"match: receptive_field needs a window for {row.name}")
    matched = row.at_window(options, window)
    if isinstance(matched, Problem):
        return matched
    for key in stated:
        mine, wanted = getattr(options, key), getattr(matched, key)
        if mine != wanted:
            return Problem(key, f"{key}={mine} is fixed, and window={window} needs {key}={wanted}")
    return matched, window
