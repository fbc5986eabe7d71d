"""One metric of a case over its processes: the figure, and how sure it is."""

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

from pydantic import ConfigDict, JsonValue

from sabench.records import Flag, Frozen, Reading
from sabench.stats import Interval, quantile, t_quantile
from sabench.store.spread import PROCESSES_FOR_BOOTSTRAP, hierarchical_bootstrap, spread_of

IntervalKind = Literal["t", "order", "range", "mean"]

SEEN = ("seen", "unseen", "unseen_weights")
"""What a reading of a score tells of parameters."""

PROCESSES_FOR_T = 5
"""From here on a t-interval on log medians; the percentile bootstrap is too narrow so early."""


class Figure(Frozen):
    """One metric of a case over its processes, or the reason why there is none.

    `median` is the median of the process medians. The interval is `t` (95 %, on log process
    medians, five processes or more), `order` (95 %, order statistics of one process's samples:
    it knows nothing of the spread between processes) or `range` (all that was seen). Of a training
    each process is a seed: there is a `mean` too, and the interval is Student's of it, 95 %.
    """

    model_config = ConfigDict(allow_inf_nan=False)

    unit: str
    median: float | None = None
    mean: float | None = None  # over seeds
    low: float | None = None
    high: float | None = None
    interval_kind: IntervalKind = "range"
    minimum: float | None = None  # of the process medians
    maximum: float | None = None
    between_sd: float | None = None  # of the process medians; None below two processes
    in_process_sd: float | None = None  # pooled; None where a process has a single sample
    icc: float | None = None  # share of the samples' variance that lies between processes
    bootstrap_low: float | None = None  # 95 %, processes then samples resampled; from ten on
    bootstrap_high: float | None = None
    process_medians: tuple[float, ...] = ()  # in order of replicate
    seeds: tuple[int, ...] = ()  # of the process medians, in their order: of trainings and scores
    process_samples: tuple[int, ...] = ()
    samples_sha256: tuple[str, ...] = ()
    validity: tuple[str, ...] = ()  # of an energy figure in each process that read it
    timing: tuple[str, ...] = ()  # the modes its processes were timed in, each once
    flags: tuple[Flag, ...] = ()
    seen: int | None = None  # parameters that entered a score
    unseen: int | None = None  # those that did not, and below: its weights, each with the reason
    unseen_weights: tuple[tuple[str, str], ...] = ()
    reason: str = ""  # set exactly when there is no median

    @property
    def headline(self) -> float | None:
        """The mean over seeds, else the median of the processes; None when there is no figure."""
        return self.median if self.mean is None else self.mean

    @property
    def is_of_one(self) -> bool:
        """Whether it is of a single seed, which tells nothing of a spread."""
        return len(self.seeds) == 1

    @property
    def interval(self) -> Interval | None:
        """The interval, None when there is no figure."""
        if self.low is None or self.high is None:
            return None
        return Interval(self.low, self.high)


def figure_of(
    readings: Sequence[Reading],
    load: Callable[[Reading], Sequence[float]] | None = None,
) -> Figure:
    """The figure of one metric's readings, one per process, at least one of them.

    None where a counter was invalid in one process: what it told the others is not trusted either.
    """
    unit = readings[0].unit
    flags = united(reading.flags for reading in readings)
    validity = tuple(str(r.details["validity"]) for r in readings if "validity" in r.details)
    invalid = [reading for reading in readings if Flag.ENERGY_INVALID in reading.flags]
    taken = [(r, r.statistics) for r in readings if r.statistics is not None and not invalid]
    if not taken:
        reason = (invalid or readings)[0].reason
        return Figure(unit=unit, reason=reason, flags=flags, validity=validity)
    medians = tuple(numbers.median for _, numbers in taken)
    interval, kind = process_interval(medians)
    if len(taken) == 1:
        interval, kind = taken[0][1].interval, "range" if taken[0][1].low is None else "order"
    spread = spread_of([numbers for _, numbers in taken])
    resampled = None
    if load and len(taken) >= PROCESSES_FOR_BOOTSTRAP and all(n.n > 1 for _, n in taken):
        resampled = hierarchical_bootstrap([load(reading) for reading, _ in taken])
    return Figure(
        unit=unit,
        median=quantile(medians, 0.5),
        low=interval.low,
        high=interval.high,
        interval_kind=kind,
        minimum=min(medians),
        maximum=max(medians),
        between_sd=statistics.stdev(medians) if len(medians) > 1 else None,
        in_process_sd=spread.in_process_sd,
        icc=spread.icc,
        bootstrap_low=resampled.low if resampled else None,
        bootstrap_high=resampled.high if resampled else None,
        process_medians=medians,
        process_samples=tuple(numbers.n for _, numbers in taken),
        samples_sha256=tuple(reading.samples_sha256 for reading, _ in taken),
        validity=validity,
        timing=tuple(sorted({str(r.details["timing"]) for r, _ in taken if "timing" in r.details})),
        flags=flags,
    )


def figure_over_seeds(readings: Mapping[int, Reading]) -> Figure:
    """The figure of a training's or score's readings, by seed: their mean, Student's interval."""
    figure = figure_of(list(readings.values()))
    taken = {seed: one for seed, one in readings.items() if one.statistics is not None}
    if figure.median is None:
        return figure
    interval, kind = mean_interval(figure.process_medians)
    update = {
        "mean": statistics.fmean(figure.process_medians),
        "low": interval.low,
        "high": interval.high,
        "interval_kind": kind,
        "seeds": tuple(taken),
    }
    told: dict[str, JsonValue] = {}  # of one network every seed sees the same
    for reading in taken.values():
        told |= {name: reading.details[name] for name in SEEN if name in reading.details}
    return Figure.model_validate(dict(figure) | update | told)


def process_interval(medians: Sequence[float]) -> tuple[Interval, IntervalKind]:
    """The 95 % t-interval on the logs of five or more positive process medians, else the range.

    It is an interval of the geometric mean; widened, where needed, to hold the median beside it.
    """
    count = len(medians)
    if count < PROCESSES_FOR_T or min(medians) <= 0.0:
        return Interval(min(medians), max(medians)), "range"
    logs = [math.log(value) for value in medians]
    half = t_quantile(0.975, count - 1) * statistics.stdev(logs) / math.sqrt(count)
    middle, median = statistics.fmean(logs), quantile(medians, 0.5)
    low, high = math.exp(middle - half), math.exp(middle + half)
    return Interval(min(low, median), max(high, median)), "t"


def mean_interval(values: Sequence[float]) -> tuple[Interval, IntervalKind]:
    """Student's 95 % interval of the mean of two values or more; of one, the value."""
    if len(values) < 2:
        return Interval(min(values), max(values)), "range"
    half = t_quantile(0.975, len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    middle = statistics.fmean(values)
    return Interval(middle - half, middle + half), "mean"


def united(groups: Iterable[Iterable[Flag]]) -> tuple[Flag, ...]:
    """Every flag once, in the order of the enumeration."""
    present = {flag for group in groups for flag in group}
    return tuple(flag for flag in Flag if flag in present)
