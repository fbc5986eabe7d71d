"""What a catalogue row is made of: options, cost, problems."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt

from sabench.catalog.attention import AttentionCall
from sabench.errors import ConfigError

Size = tuple[int, int]
Border = Literal["mask", "zeros"]
Kind = Literal["", "cuda"]
"""The only kind of device that something runs on; empty where any does."""

Positive = Annotated[StrictInt, Field(ge=1, le=1_000_000)]
Natural = Annotated[StrictInt, Field(ge=0, le=1_000_000)]
Switch = StrictBool


class Options(BaseModel):
    """A layer's or network's own settings; unknown keys are refused, types are strict."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def stated(options: Options, defaults: Options) -> dict[str, bool | int | float | str]:
    """What differs from the defaults, in the order of declaration: what an id and a file state."""
    mine, theirs = options.model_dump(mode="json"), defaults.model_dump(mode="json")
    return {key: value for key, value in mine.items() if value != theirs[key]}


def unmet(what: str, needed: Kind, kind: str, purpose: str = "") -> str:
    """What is needed that this kind of device is not; empty where it is."""
    return "" if needed in ("", kind) else f"{what} needs {needed}{purpose}, not {kind}"


@dataclass(frozen=True, slots=True)
class Row:
    """A row whose code lies elsewhere: `target` is "module:name", imported when it is loaded."""

    name: str
    target: str

    def load(self) -> Any:
        """The object that `target` names.

        Raises: ConfigError if it is not there.
        """
        return load_target(self.target)


@dataclass(frozen=True, slots=True)
class Cost:
    """Closed form at batch 1. `bytes`: fp32 traffic that cannot be avoided (in, out, params)."""

    params: int
    macs: int
    bytes: int

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.params + other.params, self.macs + other.macs, self.bytes + other.bytes)


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a combination cannot be built, and the option at fault."""

    key: str
    text: str


def strided(size: Size, stride: int) -> Size:
    """The map after a stride; an odd map keeps its last row, as a padded convolution does."""
    return -(-size[0] // stride), -(-size[1] // stride)


@dataclass(frozen=True, slots=True)
class Layer:
    """A spatial operator (B, C_in, H, W) -> (B, C_out, H', W'), one per paper system.

    The callables take (options, in_channels, out_channels, size, stride).
    `cost=None` marks a layer without a closed form: its MACs are counted and marked unverified.
    `attention` tells what the layer asks of `attend`; None for layers that never call it.
    `at_window` gives the options whose receptive field is a window, or the problem.
    """

    name: str
    target: str  # "module:Class"
    options: type[Options]
    source: str
    year: int
    title: str
    small: Options
    cost: Callable[[Any, int, int, Size, int], Cost] | None
    problems: Callable[[Any, int, int, Size, int], Problem | None]
    attention: Callable[[Any, int, int, Size, int], AttentionCall] | None = None
    at_window: Callable[[Any, int], Options | Problem] | None = None
    sees_all: bool = False  # global: every output position sees the whole map
    square: bool = False  # C_out must equal C_in

    def load(self) -> Any:
        """The class that `target` names.

        Raises: ConfigError if it is not there.
        """
        return load_target(self.target)


def load_target(target: str) -> Any:
    """The object that "module:name" points at.

    Raises: ConfigError if the module or the name is not there.
    """
    module, _, name = target.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"{target}: cannot be loaded: {error}") from error
