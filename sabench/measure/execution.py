"""A subject ready to run: what is called, in which context, and what is known of it so far."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from sabench.measure.compiler import Compilation
from sabench.measure.resident_memory import ResidentMemory

if TYPE_CHECKING:
    from torch import Tensor

Output: TypeAlias = "Tensor | tuple[Tensor, ...]"
"""What a module returns: a map, logits, or the several answers of a detector."""


@dataclass(frozen=True, slots=True)
class AllocatedPeak:
    """Bytes of torch's allocator on a device: held before a call, and the most during it."""

    held: int
    peak: int


PeakSince = Callable[[], AllocatedPeak | None]
"""Tells a peak that was begun; None where torch keeps none."""


def no_peak() -> PeakSince:
    """Nobody keeps a peak."""
    return lambda: None


@dataclass(slots=True)
class Execution:
    """A subject ready to run. `compile_s` and `first_call_s` are None until they are known."""

    call: Callable[[], Output]  # the output; a backward pass has run by the time it is there
    context: Callable[[], AbstractContextManager[object]]  # entered once around many calls
    is_finite: Callable[[Output], bool]  # whether that, and every gradient it left, is finite
    watch_peak: Callable[[], PeakSince]
    compile_s: float | None = None
    first_call_s: float | None = None
    growth_start: ResidentMemory | None = None  # read right before the first call
    first_peak: ResidentMemory | None = None  # read right after the first call
    first_allocated: AllocatedPeak | None = None  # of the first call, where torch keeps a peak
    compilation: Compilation | None = None  # where the runtime compiles
    own: Callable[[], Output] | None = None  # the call alone, where `call` does planted work too

    @property
    def own_call(self) -> Callable[[], Output]:
        """What counts are taken of: the subject's call, nothing planted."""
        return self.own or self.call
