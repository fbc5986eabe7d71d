"""How a job ended, and the record that says so, whatever kind of job it was."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pydantic import JsonValue

from sabench.cases.plan import BEFORE_FAULT, Batch, Job, answer
from sabench.errors import ResultError
from sabench.jsonl import spelt_out
from sabench.measure.faults import classify
from sabench.measure.termination import InterruptError, Termination
from sabench.records import SHOWN, Flag, Reading, Record, Status
from sabench.seal import fits_a_line, record_line


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
    """A record and its text as one sealed line, without what no line can hold: the jobs behind it
    go on. A job that has lost its figures so is an error; how another one ended stands."""
    try:
        return record, record_line(record)
    except ResultError as error:
        told = _cut_down(record, str(error))
        return told, record_line(told)


def _cut_down(record: Record, why: str) -> Record:
    """The record without readings and without the details that a line cannot hold."""
    status, message = record.status, spelt_out(record.message)
    details = {name: told for name, told in record.details.items() if fits_a_line({name: told})}
    if status in SHOWN:
        status, message = Status.ERROR, why
    else:
        details["left_out"] = why
    changes = {"status": status, "message": message, "details": details, "readings": {}}
    return record.model_copy(update=changes)
