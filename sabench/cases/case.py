"""A case: one point of a suite, and the id that names it for ever."""

from decimal import Decimal
from pathlib import PurePath
from typing import Literal

from pydantic import Field

from sabench.records import Frozen

Scalar = bool | int | float | str
Kind = Literal["layer", "network"]
Dtype = Literal["fp32", "tf32", "bf16", "fp16"]
Autocast = Literal["none", "bf16", "fp16"]
Mode = Literal["forward", "forward_backward", "step"]
Unmeasured = Literal["train", "score"]
"""What is done to a network in place of a measurement, with data and by a recipe."""
Layout = Literal["contiguous", "channels_last"]
Runtime = Literal["eager", "folded", "compiled", "cudagraph", "fake"]

IMAGE_CHANNELS = 3
DEFAULT_CHANNELS = 64
DEFAULT_SIZE = 56
REDUCTIONS = ("c", "r", "s", "e")
WHOLE_BELOW = 10**14  # with its sign at most the 15 characters of scalars.MAX_DIGITS


class Case(Frozen):
    """What is measured. `options` holds what differs from the row's defaults, in its order.

    A layer has `channels` (in and out) and `size` (the square map); a network has `resolution`.
    `window` is the receptive field the suite asked for, "all" for layers that see the whole map.
    `file` is set for a layer of the user's own ("path/to/file.py:Class").
    A training (mode `train`) and a scoring (`score`) have `data`, as `parse_data` spells it, and
    what their recipe is reduced by, after EcoNAS (arXiv:2001.01233): widths are divided by `c`,
    resolution by `r`, samples by `s` and epochs by `e`.
    """

    kind: Kind
    subject: str
    channels: int | None = None
    size: int | None = None
    resolution: int | None = None
    stride: int = 1
    batch: int = 1
    threads: int = 1
    layout: Layout = "contiguous"
    autocast: Autocast = "none"
    options: dict[str, Scalar] = Field(default_factory=dict)
    dtype: Dtype = "fp32"
    mode: Mode | Unmeasured = "forward"
    implementation: str = "reference"
    runtime: Runtime = "eager"
    window: int | Literal["all"] | None = None
    file: str = ""
    data: str = ""
    c: int = 1
    r: int = 1
    s: int = 1
    e: int = 1

    @property
    def case_id(self) -> str:
        """`subject/key=value,.../mode.dtype.implementation.runtime`, in full words.

        Common axes first, then the options; channels and size (a network: resolution) always
        stand, anything else at its default is left out, so a new option renames nothing.
        """
        common: list[tuple[str, Scalar]] = []
        if self.kind == "layer":
            common += [("channels", self.channels or 0), ("size", self.size or 0)]
        else:
            common.append(("resolution", self.resolution or 0))
        for key in ("stride", "batch", "threads"):
            if getattr(self, key) != 1:
                common.append((key, getattr(self, key)))
        if self.layout != "contiguous":
            common.append(("layout", self.layout))
        if self.autocast != "none":
            common.append(("autocast", self.autocast))
        if self.data:
            common.append(("data", PurePath(self.data).name.replace(",", ";")))
        common += [(key, getattr(self, key)) for key in REDUCTIONS if getattr(self, key) != 1]
        keys = ",".join(f"{key}={show_scalar(value)}" for key, value in common)
        if self.options:
            keys += "," + ",".join(
                f"{key}={show_scalar(value)}" for key, value in self.options.items()
            )
        how = f"{self.mode}.{self.dtype}.{self.implementation}.{self.runtime}"
        return f"{self.subject}/{keys}/{how}"

    @property
    def group(self) -> tuple[tuple[str, Scalar | None], ...]:
        """What must agree for two cases to be ranked against each other."""
        keys: tuple[str, ...] = (
            "kind",
            "channels",
            "size",
            "resolution",
            "stride",
            "batch",
            "threads",
            "layout",
            "dtype",
            "autocast",
            "mode",
        )
        keys += ("data", *REDUCTIONS) if self.data else ()
        return tuple((key, getattr(self, key)) for key in keys)

    @property
    def is_reference_convolution(self) -> bool:
        """Whether this is the 3x3 convolution that its group is held against."""
        return self.subject == "conv" and not self.options and self.runtime in ("eager", "fake")


def show_scalar(value: Scalar) -> str:
    """A value as the command line, the suite and the id spell it: no two numbers alike.

    A fraction is the shortest decimal that reads back as it, without an exponent. A whole number
    has no point, whatever its type, up to the digits that a reader of integers takes.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if value.is_integer() and abs(value) < WHOLE_BELOW:
            return str(int(value))
        text = f"{Decimal(repr(value)):f}"
        return text if "." in text else f"{text}.0"
    return str(value)
