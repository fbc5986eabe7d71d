"""How quiet the machine was while a run was measured: from what every job noted of it."""

from collections.abc import Iterable

from sabench.records import SHOWN, Frozen, Record
from sabench.stats import quantile


class Surroundings(Frozen):
    """What ran beside the jobs whose figures are shown."""

    jobs: int
    foreign_cores: float  # median over jobs: other work on the whole machine
    foreign_cores_most: float
    stolen_cores_most: float  # by a hypervisor
    throttled_periods: int  # in which the container's quota stopped us, over all jobs
    rejected_blocks: float | None = None  # share of the timing blocks in which other work ran


def surroundings_of(records: Iterable[Record]) -> Surroundings | None:
    """From the details of the records; None where none tells."""
    shown = [record for record in records if record.status in SHOWN]
    foreign = _told(shown, "foreign_cores")
    if not foreign:
        return None
    timed = [
        reading.details
        for record in shown
        for reading in record.readings.values()
        if "rejected" in reading.details
    ]
    passed_over, blocks, rejected = (
        sum(_number(details.get(name)) for details in timed)
        for name in ("passed_over", "blocks", "rejected")
    )
    return Surroundings(
        jobs=len(foreign),
        foreign_cores=quantile(foreign, 0.5),
        foreign_cores_most=max(foreign),
        stolen_cores_most=max(_told(shown, "stolen_cores"), default=0.0),
        throttled_periods=int(sum(_told(shown, "throttled_periods"))),
        rejected_blocks=(rejected + passed_over) / (blocks + passed_over) if blocks else None,
    )


def _told(records: Iterable[Record], name: str) -> list[float]:
    found = (record.details.get(name) for record in records)
    return [float(value) for value in found if isinstance(value, int | float)]


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
