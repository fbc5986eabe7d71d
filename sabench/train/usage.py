"""What a training takes beside time: memory, and joules of its steps."""

import gc
from dataclasses import dataclass, field

import torch
from pydantic import JsonValue

from sabench.cases.recipe import Epoch
from sabench.catalog.metrics import METRICS
from sabench.errors import DeviceError
from sabench.measure.energy import EnergyCounter
from sabench.measure.energy_state import InvalidError, Validity, check_step
from sabench.measure.metrics.energy import meter_of
from sabench.measure.resident_memory import reset_peak, resident_memory
from sabench.records import Flag, Reading


class MemoryUse:
    """Torch's peak on a device that keeps one, else peak RSS, over what is held when it begins.

    So the data, which are there before, do not count, nor does a library's workspace on a device:
    the first of several trainings in a process is not to differ from the others.
    Pages that an earlier training has left do not grow: on the CPU it takes a process of its own.
    """

    def __init__(self, device: torch.device, *, is_alone: bool) -> None:
        self.device, self.is_alone = device, is_alone
        self.held = 0
        gc.collect()  # what an earlier training left in cycles is not to go on the way
        if device.type == "cuda":
            _open_workspaces(device)
            torch.cuda.reset_peak_memory_stats(device)
            self.held = torch.cuda.memory_allocated(device)
        self.start = reset_peak() if device.type == "cpu" else None

    def reading(self) -> Reading:
        """Bytes, or why they are not known."""
        unit = METRICS["train_memory"].unit
        if self.device.type == "cuda":
            grown = torch.cuda.max_memory_allocated(self.device) - self.held
            return _grown(grown, "growth of torch's allocated bytes", self.held)
        if not self.is_alone:
            return Reading.absent(unit, "it shares its process with others: --isolation case")
        now = resident_memory()
        if self.start is None or now is None or not self.start.was_reset:
            return Reading.absent(unit, "this system does not tell the growth of peak RSS")
        return _grown(max(0, now.peak - self.start.now), "growth of peak RSS", self.start.now)


def _grown(size: int, of: str, held: int) -> Reading:
    details: dict[str, JsonValue] = {"of": of, "held_before_bytes": held}
    return Reading.of(METRICS["train_memory"].unit, [size], details=details)


def _open_workspaces(device: torch.device) -> None:
    """cuBLAS takes one for each thread that multiplies: this one, and autograd's."""
    factor = torch.ones(8, 8, device=device, requires_grad=True)
    torch.autograd.backward((factor @ factor).sum())


@dataclass(slots=True)
class EnergyUse:
    """A counter of joules that a training reads before and after its steps, if there is one."""

    counter: EnergyCounter | None
    reason: str = ""  # why there is no figure
    others: str = ""
    _watched: bool = field(default=False)

    @classmethod
    def of(cls, device: str) -> "EnergyUse":
        """The device's counter, or why it has none."""
        meter = meter_of(device)
        return cls(None, meter) if isinstance(meter, str) else cls(meter.counter)

    def joules(self) -> float | None:
        """The counter now; None where there is none, or it cannot be read any more."""
        if self.counter is None:
            return None
        try:
            if not self._watched:
                self.counter.watch()
                self._watched = True
            told = self.counter.joules()
            self.others = self.counter.others() or self.others
        except DeviceError as error:
            self.counter, self.reason = None, str(error)
            return None
        return told

    def reading(self, curve: list[Epoch]) -> Reading:
        """Joules of all steps, tests and checkpoints left out; or why they are not known."""
        told = [one.joules for one in curve]
        joules = [one for one in told if one is not None]
        if len(joules) < len(told):
            reason = self.reason or "the counter was not read in every epoch"
            return Reading.absent("J", reason, details=_validity(Validity.UNAVAILABLE))
        try:
            for one, epoch in zip(joules, curve, strict=True):
                check_step(one, epoch.seconds)
        except InvalidError as error:
            invalid = _validity(Validity.INVALID)
            return Reading.absent("J", str(error), flags=(Flag.ENERGY_INVALID,), details=invalid)
        flags = (Flag.ENERGY_SHARED,) if self.others else ()
        details: dict[str, JsonValue] = {
            **_validity(Validity.SHARED if self.others else Validity.VALID),
            "source": self.counter.source if self.counter else "",
            "shared_with": self.others,
            "epochs_j": [*joules],
        }
        return Reading.of("J", [sum(joules)], flags=flags, details=details)


def _validity(validity: Validity) -> dict[str, JsonValue]:
    return {"validity": validity.value}
