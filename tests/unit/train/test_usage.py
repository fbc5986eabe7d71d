"""Joules of a training: counted around its steps alone, and told only where they can be."""

from dataclasses import dataclass, field

import pytest
import torch

from sabench.cases.recipe import Epoch
from sabench.errors import DeviceError
from sabench.records import Flag
from sabench.train.usage import EnergyUse, MemoryUse


@dataclass
class Counter:
    """A counter of joules that reads what it is told to, and ends with an error."""

    readings: list[float] = field(default_factory=lambda: [100.0, 112.0])
    neighbours: str = ""
    source: str = "a counter"
    watched: int = 0

    def joules(self) -> float:
        if not self.readings:
            raise DeviceError("the counter is gone")
        return self.readings.pop(0)

    def others(self) -> str:
        return self.neighbours

    def watch(self) -> None:
        self.watched += 1

    def power_w(self) -> float | None:
        return None

    def temperature_c(self) -> float | None:
        return None

    def facts(self) -> dict[str, str]:
        return {}


def epoch(joules: float | None, seconds: float = 1.0) -> Epoch:
    return Epoch(train_loss=1.0, test_loss=1.0, accuracy=0.5, seconds=seconds, joules=joules)


def test_the_joules_of_all_epochs_are_added() -> None:
    use = EnergyUse(counter := Counter())
    assert (use.joules(), use.joules(), counter.watched) == (100.0, 112.0, 1)
    reading = use.reading([epoch(12.0), epoch(30.5)])
    assert reading.samples == (42.5,)
    assert reading.details["validity"] == "valid"
    assert reading.details["epochs_j"] == [12.0, 30.5]


def test_joules_that_cover_others_work_are_flagged() -> None:
    use = EnergyUse(Counter(neighbours="process 12"))
    use.joules()
    reading = use.reading([epoch(12.0)])
    assert (reading.flags, reading.details["validity"]) == ((Flag.ENERGY_SHARED,), "shared")
    assert reading.details["shared_with"] == "process 12"


@pytest.mark.parametrize(
    ("joules", "why"), [(0.0, "stood still"), (-3.0, "ran backwards"), (1e6, "jumped")]
)
def test_a_counter_that_tells_nonsense_gives_no_figure(joules: float, why: str) -> None:
    reading = EnergyUse(Counter()).reading([epoch(12.0), epoch(joules)])
    assert reading.statistics is None
    assert why in reading.reason
    assert (reading.flags, reading.details["validity"]) == ((Flag.ENERGY_INVALID,), "invalid")


def test_a_counter_that_goes_away_is_the_reason() -> None:
    use = EnergyUse(Counter(readings=[1.0]))
    assert (use.joules(), use.joules(), use.joules()) == (1.0, None, None)
    reading = use.reading([epoch(12.0), epoch(None)])
    assert (reading.reason, reading.details["validity"]) == ("the counter is gone", "unavailable")


def test_without_a_counter_the_reason_is_the_machines() -> None:
    use = EnergyUse(None, "there is none here")
    assert use.joules() is None
    assert use.reading([epoch(None)]).reason == "there is none here"


def test_memory_on_a_device_is_what_a_training_takes_over_what_is_held_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Turned red by the peak as it is, and by a peak that counts from an earlier training on."""
    told = {"now": 100, "peak": 700}
    monkeypatch.setattr("sabench.train.usage._open_workspaces", lambda _: None)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: told["now"])
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda _: told["peak"])
    monkeypatch.setattr(
        torch.cuda, "reset_peak_memory_stats", lambda _: told.update(peak=told["now"])
    )
    use = MemoryUse(torch.device("cuda"), is_alone=False)
    told["peak"] = max(told["peak"], 350)
    reading = use.reading()
    assert reading.samples == (250.0,)
    assert reading.details["held_before_bytes"] == 100


def test_memory_of_trainings_that_share_a_process_is_not_told_on_the_cpu() -> None:
    reading = MemoryUse(torch.device("cpu"), is_alone=False).reading()
    assert reading.reason == "it shares its process with others: --isolation case"
