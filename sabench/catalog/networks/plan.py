"""A network as data: steps, blocks and groups that the cost and the builder both walk.

Every operator is a catalogue layer: a plain convolution, what stands in a slot, the shortcut.
So whatever has a row (an attention layer, squeeze_excite, a stranger's layer) may stand anywhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from sabench.catalog.rows import Options, Size, strided

Activation = Literal["none", "relu", "silu"]

IMAGE_CHANNELS = 3


@dataclass(frozen=True, slots=True)
class Step:
    """One catalogue layer, then batch norm, then an activation.

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


@dataclass(frozen=True, slots=True)
class Block:
    """Steps in a row, added to the shortcut, then an activation. No shortcut step: identity."""

    steps: tuple[Step, ...]
    shortcut: Step | None
    activation: Activation


@dataclass(frozen=True, slots=True)
class MaxPool:
    """Maximum over window x window; an odd map keeps its last row."""

    window: int
    stride: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Stem, pool, groups of blocks, tail, global average pool, classifier with bias.

    `resolution` is the side of the square image, on which some layers' parameters depend.
    """

    resolution: int
    stem: tuple[Step, ...]
    pool: MaxPool
    groups: tuple[tuple[Block, ...], ...]
    tail: tuple[Step, ...]
    classes: int

    @property
    def features(self) -> int:
        """Channels that the classifier gets."""
        last = self.tail[-1] if self.tail else self.groups[-1][-1].steps[-1]
        return last.out_channels


@dataclass(frozen=True, slots=True)
class PlacedStep:
    """A step with its place: `path` names it in the cost and in the module, `size` is its map."""

    path: str
    step: Step
    size: Size

    @property
    def out_size(self) -> Size:
        """The map it leaves."""
        return strided(self.size, self.step.stride)


def placed_steps(plan: Plan) -> Iterator[PlacedStep]:
    """Every step in the order of the data's way, shortcuts after their blocks' steps."""
    size = (plan.resolution, plan.resolution)
    for step in plan.stem:
        yield PlacedStep(f"stem.{step.name}", step, size)
        size = strided(size, step.stride)
    size = strided(size, plan.pool.stride)
    for number, group in enumerate(plan.groups, 1):
        for index, block in enumerate(group):
            entry = size
            for step in block.steps:
                yield PlacedStep(f"group{number}.{index}.{step.name}", step, size)
                size = strided(size, step.stride)
            if block.shortcut:
                path = f"group{number}.{index}.{block.shortcut.name}"
                yield PlacedStep(path, block.shortcut, entry)
    for step in plan.tail:
        yield PlacedStep(f"tail.{step.name}", step, size)
        size = strided(size, step.stride)
