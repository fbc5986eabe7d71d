"""The records of a case put together: one figure per metric, one status."""

import statistics
from collections.abc import Callable, Sequence
from functools import partial

from pydantic import Field

from sabench.cases.case import Case
from sabench.cases.recipe import Epoch, MeanEpoch
from sabench.catalog.metrics import METRICS
from sabench.records import SHOWN, Flag, Frozen, Reading, Record, Status
from sabench.store.figure import Figure, figure_of, figure_over_seeds, united

SEVERITY: tuple[Status, ...] = (
    Status.OK,
    Status.OK_FLAGGED,
    Status.CONTENDED,
    Status.THROTTLED,
    Status.SKIPPED,
    Status.UNSUPPORTED,
    Status.OOM,
    Status.NONFINITE,
    Status.DIVERGED,
    Status.PARITY_FAILED,
    Status.TIMEOUT,
    Status.ERROR,
    Status.CRASH,
    Status.INTERRUPTED,
)
"""From best to worst: where the jobs of a case disagree, the worst rules."""


class Summary(Frozen):
    """What the records of one case on one device say together."""

    case_id: str
    case: Case
    device: str
    environments: tuple[str, ...]  # Environment.id of its records; more than one is a mixture
    status: Status
    message: str = ""
    processes: int  # jobs of this case that gave figures
    planned: int  # jobs of this case in the plan
    curve: tuple[MeanEpoch, ...] = ()  # of a training, over its seeds
    data_sha256: tuple[str, ...] = ()  # of what it was trained on or scored with
    classes: int | None = None  # of that data
    figures: dict[str, Figure] = Field(default_factory=dict)
    flags: tuple[Flag, ...] = ()

    def median(self, metric: str) -> float | None:
        """A metric's headline figure, None when there is none."""
        figure = self.figures.get(metric)
        return figure.headline if figure else None


SamplesOf = Callable[[str, Reading], Sequence[float]]
"""Loads the samples of a metric's reading, wherever they lie."""


def summarise(
    case: Case,
    device: str,
    records: Sequence[Record],
    planned: int,
    samples_of: SamplesOf | None = None,
) -> Summary:
    """The summary of the last attempts of a case's jobs, main and apart ones together.

    A job of the plan without a record counts as interrupted: the run has not come to it.
    `samples_of` is asked only where there are processes enough to resample.
    """
    ordered = sorted(records, key=lambda record: (record.replicate, record.job_id))
    shown = [record for record in ordered if record.status in SHOWN]
    names = dict.fromkeys(name for record in shown for name in record.readings)
    figures = {name: _figure(name, shown, samples_of) for name in names}
    told = [record.details.get("data") for record in shown]
    data = [one for one in told if isinstance(one, dict)]
    status, message = _verdict(ordered, len(shown), planned)
    return Summary(
        case_id=case.case_id,
        case=case,
        device=device,
        environments=tuple(sorted({record.environment for record in ordered})),
        status=status,
        message=message,
        processes=len(shown),
        planned=planned,
        curve=_curve(shown),
        data_sha256=tuple(sorted({str(one["sha256"]) for one in data})),
        classes=next((int(str(one["classes"])) for one in data if "classes" in one), None),
        figures=figures,
        flags=united([*(r.flags for r in shown), *(f.flags for f in figures.values())]),
    )


def _figure(name: str, shown: Sequence[Record], samples_of: SamplesOf | None) -> Figure:
    """Of one metric of the records that have it."""
    taken = [record for record in shown if name in record.readings]
    if name in METRICS and METRICS[name].of != "profile":
        return figure_over_seeds({record.replicate: record.readings[name] for record in taken})
    load = partial(samples_of, name) if samples_of else None
    return figure_of([record.readings[name] for record in taken], load)


def _curve(records: Sequence[Record]) -> tuple[MeanEpoch, ...]:
    """The means over the trainings among the records of each epoch, as far as all of them got."""
    told = [record.details["curve"] for record in records if "curve" in record.details]
    curves = [
        [Epoch.model_validate(one) for one in curve] for curve in told if isinstance(curve, list)
    ]
    return tuple(_over_seeds(seeds) for seeds in zip(*curves, strict=False))


def _over_seeds(seeds: Sequence[Epoch]) -> MeanEpoch:
    means = {name: _mean([getattr(one, name) for one in seeds]) for name in Epoch.model_fields}
    found = [one.accuracy for one in seeds]
    return MeanEpoch.model_validate(
        means | {"accuracy_least": min(found), "accuracy_most": max(found)}
    )


def _mean(values: Sequence[float | None]) -> float | None:
    """None where one is missing."""
    numbers = [value for value in values if value is not None]
    return statistics.fmean(numbers) if len(numbers) == len(values) else None


def _verdict(records: Sequence[Record], shown: int, planned: int) -> tuple[Status, str]:
    """The worst status, and a line that says how many processes are behind the figures."""
    statuses = [record.status for record in records]
    if len(records) < planned:
        statuses.append(Status.INTERRUPTED)
    worst = max(statuses, key=SEVERITY.index, default=Status.INTERRUPTED)
    told = next((r.message for r in records if r.status == worst and r.message), "")
    if worst == Status.INTERRUPTED and not told:
        told = "not measured yet; --resume goes on"
    if worst not in SHOWN and shown:
        told = f"{shown} of {planned} processes measured; {told or worst.value}"
    return worst, told
