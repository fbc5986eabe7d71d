"""How fast the cores of a run were seen to be: what a process is told, and what later runs are."""

import os
from collections.abc import Collection
from dataclasses import dataclass, field

from sabench.known import load_cores, save_cores
from sabench.measure.core_speed import what_is_timed
from sabench.measure.cores import are_alike
from sabench.records import Environment, Record
from sabench.stats import low_of


@dataclass(slots=True)
class CoreBests:
    """The best reading of a core (`measure.core_speed`) by each process that read one.

    `environment`: the id whose records count, as a run may have begun on another machine.
    `apart`: whether each job has a process of its own. `earlier`: what runs before this one found;
    0: nothing.
    """

    environment: str
    apart: bool = False
    earlier: float = 0.0
    _found: dict[tuple[int, ...], dict[int | str, float]] = field(default_factory=dict)

    def learn(self, record: Record) -> None:
        """A process that took another's place saw the same core, and is one with it."""
        cores, best = (record.details.get(key) for key in ("cores", "core_best"))
        if record.environment != self.environment or not isinstance(cores, list):
            return
        if isinstance(best, float) and best > 0:
            key = tuple(core for core in cores if isinstance(core, int))
            told = self._found.setdefault(key, {})
            process = record.job_id if self.apart else record.replicate
            told[process] = min(best, told.get(process, best))

    def told(self, cores: tuple[int, ...]) -> float:
        """The lower of what this run saw of these cores and earlier ones of any; 0: nothing."""
        return lower(self._found.get(cores, {}).values(), self.earlier)

    def seen(self) -> list[float]:
        """The best of each process, of whichever cores."""
        return [best for told in self._found.values() for best in told.values()]


def lower(here: Collection[float], earlier: float) -> float:
    """The lower of what these processes saw and earlier runs did; 0: neither saw any."""
    return min(filter(None, (low_of(here) if here else 0.0, earlier)), default=0.0)


def earlier_best(environment: Environment) -> float:
    """How fast earlier runs saw a core of this CPU; 0: not known, or it has cores of several kinds,
    of which none can be held against another."""
    if environment.device_kind != "cpu" or not are_alike(range(os.cpu_count() or 1)):
        return 0.0
    return load_cores(environment).best(what_is_timed())


def keep_best(environment: Environment, seen: Collection[float]) -> None:
    """Tell later runs what the processes of this one saw: one figure, however many they were."""
    if environment.device_kind == "cpu" and seen and are_alike(range(os.cpu_count() or 1)):
        save_cores(environment, load_cores(environment).learn(what_is_timed(), low_of(seen)))
