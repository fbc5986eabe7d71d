"""What a window means for each layer when a suite matches receptive fields."""

from collections.abc import Iterable
from typing import Literal

from sabench.cases.case import Case
from sabench.cases.cost import case_options
from sabench.catalog.layers import layers
from sabench.catalog.rows import Layer, Options, Problem

Window = int | Literal["all"] | None

WIDEST = 512  # receptive fields that are looked for


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


def window_seen(case: Case) -> Window:
    """The receptive field of a layer case, asked for as a window or not; None where nothing tells.

    Where the suite named none, the window at which the layer would have these very options.
    """
    row = layers().get(case.subject)
    if case.window is not None or case.kind != "layer" or case.file or row is None:
        return case.window
    if row.sees_all:
        return "all"
    if row.at_window is None:
        return None
    try:
        options = case_options(case)
    except ValueError:  # options that this version does not know
        return None
    return next((w for w in range(1, WIDEST) if row.at_window(options, w) == options), None)


def swept_by_window(row: Layer, options: Options) -> set[str]:
    """The options that a window sets; the others stay as they are."""
    if row.at_window is None:
        return set()
    asked = [row.at_window(options, window) for window in range(1, 33)]
    matched = [options, *(one for one in asked if not isinstance(one, Problem))]
    return {
        name
        for name in type(options).model_fields
        if len({repr(getattr(one, name)) for one in matched}) > 1
    }
