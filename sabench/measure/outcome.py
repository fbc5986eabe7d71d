"""How a job ended, and the record that says so, whatever kind of job it was."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pydantic import JsonValue

from sabench.cases.plan import BEFORE_FAULT, Batch, Job, answer
from sabench.errors import ResultError
from sabench.measure.faults import classify
from sabench.measure.termination import InterruptError, Termination
from sabench.records import Flag, Reading, Record, Status
from sabench.seal import record_line


@dataclass(slots=True)
class Outcome:
    """How a job ended, filled as it goes."""

    status: Status = Status.OK
    message: str = ""
    readings: dict[str, Reading] = field(default_factory=dict)
    flags: tuple[Flag, ...] = ()
    details: dict[str, JsonValue] = field(default_factory=dict)
    ends_process: bool = False


def conclude(
    job: Job,
    batch: Batch,
    termination: Termination | None,
    work: Callable[[dict[str, Reading]], Outcome],
) -> tuple[Record, bool]:
    """The record of a job that is done by `work`, and whether this process must not go on.

    `work` puts each reading into the table it is given as soon as it has it: after a fault they
    are kept among the details. Never raises.
    """
    started, start = datetime.now(UTC), time.perf_counter()
    taken: dict[str, Reading] = {}
    try:
        with (termination or Termination()).interrupting():
            outcome = work(taken)
    except InterruptError:
        outcome = Outcome(Status.INTERRUPTED, "the run was interrupted", ends_process=True)
        outcome.details |= _kept(taken)
    except BaseException as error:  # a stranger's layer may raise anything, SystemExit too
        fault = classify(error, job.device)
        outcome = Outcome(
            fault.status,
            fault.message,
            details=fault.details | _kept(taken),
            ends_process=fault.ends_process,
        )
    record = answer(
        job,
        batch,
        status=outcome.status,
        message=outcome.message,
        readings=outcome.readings,
        flags=outcome.flags,
        started_utc=started.isoformat(timespec="milliseconds"),
        wall_s=time.perf_counter() - start,
        details=outcome.details,
    )
    return record, outcome.ends_process


def _kept(taken: dict[str, Reading]) -> dict[str, JsonValue]:
    if not taken:
        return {}
    return {
        BEFORE_FAULT: {
            name: reading.model_dump(mode="json", exclude_defaults=True)
            for name, reading in taken.items()
        }
    }


def as_line(record: Record) -> tuple[Record, str]:
    """A record and its text as one sealed line; of one that no line can hold, an error's that says
    why: the jobs behind it go on."""
    try:
        return record, record_line(record)
    except ResultError as error:
        lost: dict[str, object] = {"readings": {}, "details": {}, "flags": ()}
        told = record.model_copy(update=lost | {"status": Status.ERROR, "message": str(error)})
        return told, record_line(told)
