"""The shared axes of a suite: what each accepts and whom it reaches."""

import re
from dataclasses import dataclass
from typing import get_args

from sabench.cases.case import Autocast, Dtype, Layout, Mode, Runtime, Scalar
from sabench.cases.wording import show_value, unknown
from sabench.catalog.implementations import IMPLEMENTATIONS


@dataclass(frozen=True, slots=True)
class Axis:
    """One swept parameter that is no option of a layer: names, or whole numbers up to `most`."""

    name: str
    allowed: tuple[str, ...] = ()
    most: int = 0
    reaches: tuple[str, ...] = ("layer", "network")

    def problem(self, value: Scalar) -> str | None:
        """Why the axis cannot have this value; None if it can."""
        if self.allowed:
            return None if value in self.allowed else unknown(self.name, value, self.allowed)
        if isinstance(value, bool) or not isinstance(value, int):
            return f"{self.name}: {show_value(value)} is not a whole number"
        if not 1 <= value <= self.most:
            return f"{self.name}: {show_value(value)} is not allowed, 1 to {self.most}"
        return None


AXES: dict[str, Axis] = {
    axis.name: axis
    for axis in (
        Axis("channels", most=1_000_000, reaches=("layer",)),
        Axis("size", most=100_000, reaches=("layer",)),
        Axis("resolution", most=100_000, reaches=("network",)),
        Axis("stride", most=64, reaches=("layer",)),
        Axis("batch", most=1_000_000),
        Axis("threads", most=4096),
        Axis("layout", get_args(Layout)),
        Axis("dtype", get_args(Dtype)),
        Axis("autocast", get_args(Autocast)),
        Axis("mode", get_args(Mode)),
        Axis("implementation", ("auto", *IMPLEMENTATIONS)),
        Axis("runtime", get_args(Runtime)),
        Axis("window", most=1_000_000, reaches=("layer",)),
    )
}
"""In the order in which a suite is expanded, the first varying slowest."""

DEVICE = "device"
"""A key of the shared axes that names where to measure: the same cases, whatever it says."""

DEVICES_ALONE = ("auto", "all")
_DEVICE = re.compile(r"auto|all|cpu|cuda(:(0|[1-9][0-9]{0,3}))?")


def device_problem(value: Scalar) -> str | None:
    """Why a word names no device; by its form only, since the machine decides which there are."""
    if isinstance(value, str) and _DEVICE.fullmatch(value):
        return None
    return f"device: {show_value(value)} is no device, allowed: auto, cpu, cuda, cuda:N, all"
