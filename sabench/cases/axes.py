"""The shared axes of a suite: what each accepts and whom it reaches."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

from sabench.cases.case import REDUCTIONS, Autocast, Dtype, Layout, Mode, Runtime, Scalar
from sabench.cases.wording import show_value, unknown
from sabench.catalog.data import parse_data
from sabench.catalog.implementations import IMPLEMENTATIONS
from sabench.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Axis:
    """One swept parameter that is no option of a layer: names, or whole numbers up to `most`.

    `trains`: says how a training is done, and means nothing to a profile.
    """

    name: str
    allowed: tuple[str, ...] = ()
    most: int = 0
    reaches: tuple[str, ...] = ("layer", "network")
    trains: bool = False
    check: Callable[[Scalar], str | None] | None = None

    def problem(self, value: Scalar) -> str | None:
        """Why the axis cannot have this value; None if it can."""
        if self.check is not None:
            return self.check(value)
        if self.allowed:
            return None if value in self.allowed else unknown(self.name, value, self.allowed)
        if isinstance(value, bool) or not isinstance(value, int):
            return f"{self.name}: {show_value(value)} is not a whole number"
        if not 1 <= value <= self.most:
            return f"{self.name}: {show_value(value)} is not allowed, 1 to {self.most}"
        return None


def data_problem(value: Scalar) -> str | None:
    """Why a value names no data to train on."""
    try:
        parse_data(str(value))
    except ConfigError as error:
        return str(error)
    return None


def _reduction(name: str) -> Axis:
    return Axis(name, most=1024, reaches=("network",), trains=True)


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
        Axis("data", reaches=("network",), trains=True, check=data_problem),
        *map(_reduction, REDUCTIONS),
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
