"""What a sweep says while it runs; a progress display listens."""

from collections.abc import Callable
from dataclasses import dataclass

from sabench.cases.plan import Job
from sabench.records import Record


@dataclass(frozen=True, slots=True)
class SweepStarted:
    """The first event. `done` of the `total` jobs were found in the journal of an earlier start."""

    total: int
    done: int


@dataclass(frozen=True, slots=True)
class BatchStarted:
    """A child process was started for these jobs; its first job may be seconds away."""

    batch_id: str
    jobs: tuple[Job, ...]


@dataclass(frozen=True, slots=True)
class JobStarted:
    """A job began. `index` counts from 1; a retry adds to the `total`."""

    job: Job
    index: int
    total: int


@dataclass(frozen=True, slots=True)
class JobFigure:
    """The figure so far: the median of `n` samples."""

    job: Job
    latency_s: float
    n: int


@dataclass(frozen=True, slots=True)
class JobProgress:
    """How far a training is, in words."""

    job: Job
    text: str


@dataclass(frozen=True, slots=True)
class JobEnded:
    """A job's record lies in the journal."""

    job: Job
    record: Record
    index: int
    total: int


@dataclass(frozen=True, slots=True)
class Notice:
    """A line for the person who watches."""

    text: str


@dataclass(frozen=True, slots=True)
class SweepEnded:
    """The last event. Interrupted or not, the run folder is valid."""

    interrupted: bool


Event = (
    SweepStarted
    | BatchStarted
    | JobStarted
    | JobFigure
    | JobProgress
    | JobEnded
    | SweepEnded
    | Notice
)
Listener = Callable[[Event], None]


def ignore(event: Event) -> None:
    """The listener of a sweep that nobody watches."""
