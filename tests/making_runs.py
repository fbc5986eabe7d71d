"""Small runs for tests: cases, heads, records, and a launcher whose child only pretends."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sabench.cases.case import Case
from sabench.cases.plan import Batch, Job
from sabench.catalog.presets import PRESETS, Preset
from sabench.launch.process import ProcessLauncher
from sabench.launch.watch import Patience
from sabench.records import Environment, Reading, Record, Status
from sabench.store.run_folder import RunFolder, RunInfo

STAND_IN = (sys.executable, str(Path(__file__).parent / "faults" / "stand_in.py"))

HASTE = Patience(start_s=20.0, grace_s=0.3, interrupted_grace_s=0.3)


def environment(name: str = "Plain CPU 9000", **settings: str) -> Environment:
    facts = {"sabench_commit": "0123456789abcdef0123456789abcdef01234567", "sabench_dirty": "false"}
    return Environment(device_kind="cpu", device_name=name, settings=settings, facts=facts)


def preset(**changes: Any) -> Preset:
    """Preset standard with two processes and nothing apart, unless changed."""
    changes = {"processes": 2, "memory_apart": False, "deadline_s": 30.0} | changes
    changes.setdefault("budget_s", min(10.0, changes["deadline_s"]))
    return PRESETS["standard"].model_copy(update=changes)


def case(subject: str = "conv", **fields: Any) -> Case:
    return Case(**{"kind": "layer", "subject": subject, "channels": 64, "size": 14} | fields)


def faulty(*faults: str) -> tuple[Case, ...]:
    """One case per fault that the stand-in knows; each is told apart by its size."""
    return tuple(
        case("conv" if fault == "ok" else "halo", size=size, options={"fault": fault})
        for size, fault in enumerate(faults, start=1)
    )


def run_info(cases: tuple[Case, ...], **changes: Any) -> RunInfo:
    fields = {
        "suite": "tiny",
        "suite_text": "title: tiny\n",
        "title": "A tiny suite",
        "rank_by": "latency_warm",
        "metrics": ("latency_warm",),
        "cases": cases,
        "devices": ("cpu",),
        "seed": 7,
        "preset": preset(),
        "environments": {"cpu": environment()},
        "started_utc": "2026-01-01T00:00:00+00:00",
    }
    return RunInfo.model_validate(fields | changes)


def new_run(path: Path, cases: tuple[Case, ...], **changes: Any) -> RunFolder:
    return RunFolder.create(run_info(cases, **changes), out=path)


def batch_of(jobs: Sequence[Job], **changes: Any) -> Batch:
    """A batch of these jobs, unpinned and without a limit unless changed."""
    fields = {
        "batch_id": "00000",
        "suite": "tiny",
        "preset": preset(),
        "environment": environment().id,
        "device": jobs[0].device,
        "threads": jobs[0].case.threads,
        "cores": (),
        "memory_limit": 0,
        "jobs": tuple(jobs),
    }
    return Batch.model_validate(fields | changes)


def record_of(
    job: Job, samples: tuple[float, ...] = (1.0,) * 10, status: Status = Status.OK, **fields: Any
) -> Record:
    readings = {"latency_warm": Reading.of("s", samples)} if samples else {}
    return Record.model_validate(
        {
            "job_id": job.job_id,
            "case_id": job.case.case_id,
            "device": job.device,
            "environment": environment().id,
            "suite": "tiny",
            "preset": "standard",
            "replicate": job.replicate,
            "attempt": job.attempt,
            "status": status,
            "readings": readings,
            "started_utc": "2026-01-01T00:00:00+00:00",
            "wall_s": 0.1,
        }
        | fields
    )


def stand_in() -> ProcessLauncher:
    """The launcher whose child speaks the contract and measures nothing."""
    return ProcessLauncher(STAND_IN)
