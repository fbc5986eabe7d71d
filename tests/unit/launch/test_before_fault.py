"""What was read before a job's fault stays in its record, and is no figure."""

from pathlib import Path
from typing import Any

import pytest

from making_runs import HASTE, case, new_run, preset, run_info
from sabench.cases.plan import Job
from sabench.launch.process import ProcessLauncher
from sabench.launch.sweep import sweep
from sabench.measure.outcome import Outcome, conclude
from sabench.measure.termination import InterruptError
from sabench.records import Reading, Record, Status
from sabench.store.leaderboard import make_leaderboard

HANGS_WHEN_TRACED = """
import time
from torch import nn

class Mine(nn.Module):
    def __init__(self, c_in, c_out):
        super().__init__()

    def forward(self, x):
        if x.device.type == "meta":
            time.sleep(60)
        return x * 2
"""


def job() -> Job:
    return run_info((case(),), preset=preset(processes=1)).jobs()[0]


def ended(error: BaseException | None) -> Record:
    """A job that reads one metric and then meets the error."""
    from making_runs import batch_of

    def work(taken: dict[str, Reading]) -> Outcome:
        taken["latency_warm"] = Reading.of("s", (1.0, 3.0))
        if error is not None:
            raise error
        return Outcome(readings=dict(taken))

    return conclude(job(), batch_of([job()]), None, work)[0]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ValueError("on purpose"), Status.ERROR),
        (MemoryError(), Status.OOM),
        (InterruptError(), Status.INTERRUPTED),
        (SystemExit(0), Status.ERROR),
    ],
)
def test_a_reading_before_a_fault_is_kept_apart(error: BaseException, status: Status) -> None:
    record = ended(error)
    assert (record.status, record.readings) == (status, {})
    kept: Any = record.details["before_fault"]
    assert kept["latency_warm"]["samples"] == [1.0, 3.0]


def test_a_job_that_ends_well_keeps_its_readings_where_they_belong() -> None:
    record = ended(None)
    assert set(record.readings) == {"latency_warm"}
    assert "before_fault" not in record.details


@pytest.mark.slow
def test_a_late_child_is_charged_with_what_it_had_read(tmp_path: Path) -> None:
    """A layer that is timed and then hangs while its operators are counted."""
    (tmp_path / "mine.py").write_text(HANGS_WHEN_TRACED)
    quickly = preset(
        processes=1, deadline_s=3.0, warmup_min_calls=1, warmup_min_s=0.0, warmup_max_s=0.02,
        budget_s=0.05, samples_max=10,  samples_min=10,
    )  # fmt: skip
    folder = new_run(
        tmp_path / "run",
        (case("Mine", channels=4, size=6, file=f"{tmp_path / 'mine.py'}:Mine"),),
        preset=quickly,
        metrics=("latency_warm", "macs_fvcore"),
    )
    first, _retry = sweep(folder, ProcessLauncher(), patience=HASTE)
    assert (first.status, first.readings) == (Status.TIMEOUT, {})
    kept: Any = first.details["before_fault"]
    assert kept["latency_warm"]["statistics"]["n"] >= 10
    (row,) = make_leaderboard(folder.info, [first, _retry]).rows
    assert row.figures.get("latency_warm") is None
