"""The head of a one-stage detector as data: a feature pyramid and two towers on each level."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sabench.catalog.networks.plan import PlacedStep, Step
from sabench.catalog.rows import Size, strided

FPN, CLASS_TOWER, BOX_TOWER = "fpn", "class_tower", "box_tower"


@dataclass(frozen=True, slots=True)
class Detector:
    """Laterals and outputs on the last groups' maps, coarser levels below, towers that all share.

    The towers end in `anchors` x `classes` and `anchors` x 4 channels. All steps' names differ.
    """

    anchors: int
    classes: int
    laterals: tuple[Step, ...]
    outputs: tuple[Step, ...]
    coarser: tuple[Step, ...]
    class_tower: tuple[Step, ...]
    box_tower: tuple[Step, ...]

    def levels(self, sizes: Sequence[Size]) -> tuple[Size, ...]:
        """The maps of the pyramid, the finest first; `sizes` are those that the groups leave."""
        levels = list(sizes[-len(self.laterals) :])
        for step in self.coarser:
            levels.append(strided(levels[-1], step.stride))
        return tuple(levels)

    def places(self, sizes: Sequence[Size]) -> Iterator[PlacedStep]:
        """The pyramid's steps, then both towers on each level; their weights are the first's."""
        levels = self.levels(sizes)
        for steps in (self.laterals, self.outputs):
            for step, size in zip(steps, levels, strict=False):
                yield PlacedStep(f"{FPN}.{step.name}", step, size)
        for step, size in zip(self.coarser, levels[len(self.laterals) - 1 :], strict=False):
            yield PlacedStep(f"{FPN}.{step.name}", step, size)
        for number, size in enumerate(levels):
            for name, tower in ((CLASS_TOWER, self.class_tower), (BOX_TOWER, self.box_tower)):
                for step in tower:
                    yield PlacedStep(f"{name}.{step.name}", step, size, again=number > 0)
