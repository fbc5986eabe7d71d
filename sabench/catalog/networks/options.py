"""Options that all families share, and lists that are one scalar: "conv,conv,halo,halo"."""

from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StrictFloat, StrictInt, StrictStr
from pydantic_core import PydanticCustomError

from sabench.catalog.layers import layers
from sabench.catalog.rows import Natural, Options, Positive

GROUPS = 4


def hint(name: str, known: list[str]) -> str:
    """What is allowed, and the name that was probably meant."""
    near = get_close_matches(name, known, n=1)
    return f"allowed: {', '.join(known)}" + (f"; nearest: {near[0]}" if near else "")


def per_group(text: str, groups: int = GROUPS) -> tuple[str, ...]:
    """The groups' values of a comma string; one value fills all."""
    values = tuple(part.strip() for part in text.split(","))
    return values * groups if len(values) == 1 else values


def is_per_group(options: type[Options], key: str) -> bool:
    """Whether one value of the option may have commas in it."""
    field = options.model_fields.get(key)
    return field is not None and any(isinstance(one, Grouped) for one in field.metadata)


def _joined(values: tuple[str, ...], groups: int) -> str:
    """The groups' values in their shortest spelling, so that one mix has one id."""
    if len(values) != groups:
        raise _wrong(f"{len(values)} values: give one, or one for each of {groups} groups")
    return values[0] if len(set(values)) == 1 else ",".join(values)


def _wrong(text: str) -> PydanticCustomError:
    return PydanticCustomError("per_group", "{text}", {"text": text})


def _mix(value: object, groups: int = GROUPS) -> object:
    if not isinstance(value, str):
        return value
    names = per_group(value, groups)
    for name in names:
        if name not in layers():
            raise _wrong(f"{name!r} is no layer, {hint(name, list(layers()))}")
    return _joined(names, groups)


def one_layer(value: object) -> object:
    """The name of a layer, for the one slot there is."""
    return _mix(value, groups=1)


def _whole_numbers(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return value
    numbers = per_group(value)
    for number in numbers:
        if not (number.isascii() and number.isdigit() and 1 <= int(number[:8]) <= 1_000_000):
            raise _wrong(f"{number!r} is no whole number from 1 to 1000000")
    return _joined(tuple(str(int(number)) for number in numbers), GROUPS)


@dataclass(frozen=True, slots=True)
class Grouped:
    """Marks an option whose one value is the groups' values with commas between."""


Mix = Annotated[StrictStr, BeforeValidator(_mix), Grouped()]
ThreeMix = Annotated[StrictStr, BeforeValidator(partial(_mix, groups=3)), Grouped()]
FiveMix = Annotated[StrictStr, BeforeValidator(partial(_mix, groups=5)), Grouped()]
PerGroup = Annotated[StrictStr, BeforeValidator(_whole_numbers), Grouped()]
Blocks = Annotated[StrictInt, Field(ge=1, le=1000)]
"""Of one group: a network of more would only be refused by memory, minutes later."""
Factor = Annotated[StrictFloat | StrictInt, Field(gt=0, le=64)]


Stem = Literal["conv", "self_attention", "patch", "small"]


class NetworkOptions(Options):
    """`mix`: the layer of groups 1-4 in order, one name fills all.

    `stem`: convolution, SASA's attention stem, a convolution of 4x4 patches, or the 3x3 convolution
    for small images that keeps every pixel.
    `width` times every base width; `depth` times every group's number of blocks, rounded up.
    """

    mix: Mix = "conv"
    stem: Stem = "conv"
    width: Factor = 1
    depth: Factor = 1
    classes: Positive = 1000


class ResidualOptions(NetworkOptions):
    """`se`: squeeze-and-excitation by this reduction at each block's end, 0 for none.

    `se_in`: in all blocks, or only in those whose slot holds a convolution. `activation`: of the
    stem and the blocks.
    """

    se: Natural = 0
    activation: Literal["relu", "silu"] = "relu"
    se_in: Literal["all", "conv"] = "all"


def reduction_beside(layer: str, options: ResidualOptions) -> int:
    """The reduction of squeeze-and-excitation in a block whose slot holds the layer, 0 for none."""
    return options.se if options.se_in == "all" or layer == "conv" else 0
