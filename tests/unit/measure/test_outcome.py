"""How a job ended stands in its line, whatever of its record no line can hold."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from making_runs import batch_of, case, record_of, run_info
from sabench.cases.plan import BEFORE_FAULT
from sabench.launch.aftermath import is_alarming
from sabench.measure.outcome import Outcome, as_line, conclude
from sabench.measure.termination import InterruptError
from sabench.records import SHOWN, Flag, Reading, Record, Status
from sabench.store.schema import parse

INFINITE = Reading.of("s", (1.0, 2.0)).model_copy(update={"samples": (1.0, float("inf"))})
JOB = run_info((case(),)).jobs()[0]


def fails_with(error: BaseException) -> Callable[[dict[str, Reading]], Outcome]:
    """A job that has a reading which no line can hold when it is broken off."""

    def work(taken: dict[str, Reading]) -> Outcome:
        taken["latency_warm"] = INFINITE
        raise error

    return work


def written(record: Record) -> Record:
    """What a reader finds of a record."""
    kept, line = as_line(record)
    found = parse(json.loads(line), Record, "line")
    assert found == kept
    return found


@pytest.mark.parametrize(
    ("error", "status", "message", "detail"),
    [
        (InterruptError(), "interrupted", "the run was interrupted", None),
        (MemoryError(), "oom", "out of memory: asked for too much", "total_bytes"),
        (
            RuntimeError("CUDA error: an illegal memory access was encountered"),
            "error",
            "RuntimeError: CUDA error: an illegal memory access was encountered",
            "device_fault",
        ),
    ],
    ids=["interrupted", "oom", "device"],
)
def test_a_job_that_was_broken_off_keeps_its_end_without_the_figures(
    error: BaseException, status: str, message: str, detail: str | None
) -> None:
    record, _ = conclude(JOB, batch_of([JOB]), None, fails_with(error))
    assert BEFORE_FAULT in record.details
    found = written(record)
    assert (found.status.value, found.readings) == (status, {})
    assert found.message.startswith(message)
    assert BEFORE_FAULT not in found.details
    assert "its record cannot be written" in str(found.details["left_out"])
    assert detail is None or detail in found.details
    assert is_alarming(found) == (detail == "device_fault")


@pytest.mark.parametrize("status", sorted(SHOWN))
def test_one_that_has_figures_is_an_error_without_them(status: Status) -> None:
    fields: dict[str, Any] = {"readings": {"latency_warm": INFINITE}, "details": {"kept": 1}}
    found = written(record_of(JOB, status=status).model_copy(update=fields))
    assert (found.status, found.readings) == (Status.ERROR, {})
    assert "its record cannot be written" in found.message
    assert found.details == {"kept": 1}


@pytest.mark.parametrize("odd", [float("nan"), "\udcff", [{"deep": float("-inf")}]])
def test_only_the_details_that_no_line_can_hold_are_left_out(odd: object) -> None:
    details = {"odd": odd, "signal": 9, "told": ["NaN", "\ufffd"]}
    fields: dict[str, Any] = {"details": details, "flags": (Flag.HOST_NOISY,)}
    fields["message"] = "lost in x\udcff"
    found = written(record_of(JOB, (), Status.CRASH).model_copy(update=fields))
    assert (found.status, found.message) == (Status.CRASH, r"lost in x\udcff")
    assert found.flags == (Flag.HOST_NOISY,)
    del found.details["left_out"]
    assert found.details == {"signal": 9, "told": ["NaN", "\ufffd"]}


def test_a_record_that_a_line_can_hold_is_left_as_it_is() -> None:
    record = record_of(JOB)
    assert as_line(record)[0] is record
