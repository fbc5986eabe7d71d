"""A network as data: steps, blocks, groups and a head that the cost and the builder both walk.

Every operator is a catalogue layer: a plain convolution, what stands in a slot, the shortcut.
So whatever has a row (an attention layer, squeeze_excite, a stranger's layer) may stand anywhere.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from sabench.catalog.rows import Options, Size, strided

Activation = Literal["none", "relu", "silu"]
Norm = Literal["after", "before", "none"]
Link = Literal["identity", "pool", "none"]
"""A shortcut without parameters: as it is, averaged and filled up with zeros, or no shortcut."""

IMAGE_CHANNELS = 3


@dataclass(frozen=True, slots=True)
class Step:
    """One catalogue layer with batch norm and an activation.

    `norm`: after the layer, then the activation; before it, with the activation between; or none,
    and the activation after the layer.
    `slot`: the place that `mix` (or `stem`) fills; options of the command line reach only slots.
    """

    name: str
    layer: str
    options: Options
    in_channels: int
    out_channels: int
    stride: int = 1
    activation: Activation = "none"
    slot: bool = False
    norm: Norm = "after"

    @property
    def norm_channels(self) -> int:
        """Channels that batch norm has an affine pair for."""
        return {"after": self.out_channels, "before": self.in_channels, "none": 0}[self.norm]


@dataclass(frozen=True, slots=True)
class Block:
    """Steps in a row, added to the shortcut, then an activation."""

    steps: tuple[Step, ...]
    shortcut: Step | Link
    activation: Activation

    @property
    def stride(self) -> int:
        """What the steps together divide the map by."""
        stride = 1
        for step in self.steps:
            stride *= step.stride
        return stride


@dataclass(frozen=True, slots=True)
class MaxPool:
    """Maximum over window x window; an odd map keeps its last row."""

    window: int
    stride: int


@dataclass(frozen=True, slots=True)
class PlacedStep:
    """A step with its place: `path` names it in the cost and in the module, `size` is its map.

    `again`: an earlier place has the same path, whose weights this one uses too.
    """

    path: str
    step: Step
    size: Size
    again: bool = False

    @property
    def out_size(self) -> Size:
        """The map it leaves."""
        return strided(self.size, self.step.stride)


class Head(Protocol):
    """What makes an answer of the groups' maps."""

    def places(self, sizes: Sequence[Size]) -> Iterator[PlacedStep]:
        """Its steps in the order of the data's way; `sizes` are the maps that the groups leave."""


@dataclass(frozen=True, slots=True)
class Classifier:
    """Tail, global average pool, a linear map with bias to the classes."""

    features: int
    classes: int
    tail: tuple[Step, ...] = ()

    def places(self, sizes: Sequence[Size]) -> Iterator[PlacedStep]:
        """The tail's steps on the last map."""
        size = sizes[-1]
        for step in self.tail:
            yield PlacedStep(f"tail.{step.name}", step, size)
            size = strided(size, step.stride)


@dataclass(frozen=True, slots=True)
class Plan:
    """Stem, pool, groups of blocks, head.

    `resolution` is the side of the square image, on which some layers' parameters depend.
    """

    resolution: int
    stem: tuple[Step, ...]
    pool: MaxPool | None
    groups: tuple[tuple[Block, ...], ...]
    head: Head


def placed_steps(plan: Plan) -> Iterator[PlacedStep]:
    """Every step in the order of the data's way, shortcuts after their blocks' steps."""
    size = (plan.resolution, plan.resolution)
    for step in plan.stem:
        yield PlacedStep(f"stem.{step.name}", step, size)
        size = strided(size, step.stride)
    if plan.pool:
        size = strided(size, plan.pool.stride)
    left: list[Size] = []
    for number, group in enumerate(plan.groups, 1):
        for index, block in enumerate(group):
            entry = size
            for step in block.steps:
                yield PlacedStep(f"group{number}.{index}.{step.name}", step, size)
                size = strided(size, step.stride)
            if isinstance(block.shortcut, Step):
                path = f"group{number}.{index}.{block.shortcut.name}"
                yield PlacedStep(path, block.shortcut, entry)
        left.append(size)
    yield from plan.head.places(left)
