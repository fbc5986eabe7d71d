"""What a score gives, and the error where it gives nothing."""

import math
from dataclasses import dataclass, field

from pydantic import JsonValue

from sabench.errors import MeasurementError

Unseen = tuple[str, str]
"""A parameter's name and why it did not enter."""


class UndefinedScoreError(MeasurementError):
    """A score that has no value for this network and batch: what, why, remedy in one line."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A score's value and what it was computed from.

    `seen` and `unseen` together name every parameter of the module once.
    Raises: UndefinedScoreError if the value is not finite.
    """

    value: float
    seen: tuple[str, ...]
    unseen: tuple[Unseen, ...]
    details: dict[str, JsonValue] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise UndefinedScoreError(
                f"the score comes out as {self.value}: numbers left the range of the dtype, or "
                "nothing changed; check the weights and images for zeros, inf and nan"
            )
