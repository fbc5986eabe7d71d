"""How fast the cores of a run were seen to be: what a process is told, and what later runs are."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from sabench.records import Record
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
        here = low_of(self._found[cores].values()) if cores in self._found else 0.0
        return min(filter(None, (here, self.earlier)), default=0.0)

    def of(self, records: Iterable[Record]) -> list[float]:
        """The best of each process of these records."""
        for record in records:
            self.learn(record)
        return [best for told in self._found.values() for best in told.values()]
