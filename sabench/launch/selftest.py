"""Self-checks started as jobs are: by the launcher of child processes, on pinned cores."""

import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path

from sabench import jsonl
from sabench.cases.case import Case
from sabench.cases.plan import Batch, Job
from sabench.launch.handle import Exited, Handle, Said
from sabench.launch.limits import allowed_cores, choose_cores
from sabench.launch.process import CHILD, ProcessLauncher
from sabench.measure.selftest.judge import Finding, judge, no_answer, not_applicable
from sabench.measure.selftest.table import PRESET, Check
from sabench.records import Record
from sabench.store.schema import parse_left

START_S = 120.0  # torch is imported, a CUDA context made
DEADLINE_S = 60.0  # of one check

ACTIVE = ("env", "OMP_WAIT_POLICY=ACTIVE", "GOMP_SPINCOUNT=INFINITE", "KMP_BLOCKTIME=infinite")
"""Goes before the child's command: what the launcher sets is overruled."""

Listener = Callable[[Check], None]
"""Told of a check when it starts."""


def selftest(
    checks: Sequence[Check], device: str, plant: str = "", listener: Listener = lambda _check: None
) -> list[Finding]:
    """The findings of all checks, in their order; one child for each number of threads."""
    kind = device.partition(":")[0]
    findings = {row.name: not_applicable(row) for row in checks if kind not in row.kinds}
    rest = sorted((row for row in checks if kind in row.kinds), key=lambda row: row.threads)
    for threads, group in groupby(rest, key=lambda row: row.threads):
        findings |= _in_a_child(list(group), device, threads, plant, listener)
    return [findings[row.name] for row in checks]


def _in_a_child(
    checks: Sequence[Check], device: str, threads: int, plant: str, listener: Listener
) -> dict[str, Finding]:
    cores = choose_cores(threads, allowed_cores())
    with tempfile.TemporaryDirectory(prefix="sabench-selftest-") as folder:
        batch_file, outbox = Path(folder, "batch.json"), Path(folder, "outbox.jsonl")
        batch = Batch(
            batch_id="selftest",
            suite="selftest",
            preset=PRESET,
            environment="",
            device=device,
            threads=threads,
            cores=cores,
            memory_limit=0,
            jobs=tuple(_job(check, device, plant) for check in checks),
        )
        batch_file.write_text(batch.model_dump_json(by_alias=True))
        command = (*ACTIVE, *CHILD) if plant == "active-wait" else CHILD
        handle = ProcessLauncher(command).start(batch, batch_file, outbox)
        try:
            why = _wait(handle, {check.name: check for check in checks}, listener)
        finally:
            handle.kill(grace_s=1.0)
        told = f"{why}; {handle.told()}".strip("; ")
        records = [parse_left(item, str(outbox)) for item in jsonl.read(outbox)]
    answers = {record.job_id: record for record in records}
    return {check.name: _finding(check, answers.get(check.name), told) for check in checks}


def _job(check: Check, device: str, plant: str) -> Job:
    case = Case(
        kind="layer",
        subject=check.name,
        threads=check.threads,
        options={"plant": plant} if plant else {},
    )
    return Job(
        job_id=check.name,
        kind="selftest",
        case=case,
        metrics=(),
        device=device,
        replicate=0,
        seed=0,
    )


def _wait(handle: Handle, checks: dict[str, Check], listener: Listener) -> str:
    """Until the child is gone; what it died of, if it did."""
    deadline = time.monotonic() + START_S
    while True:
        match handle.wait(deadline):
            case None:
                return "it took too long"
            case Exited(code):
                return f"the child ended with code {code}" if code else ""
            case Said(word="start", job_id=name):
                listener(checks[name])
                deadline = time.monotonic() + DEADLINE_S
            case _:
                pass


def _finding(check: Check, record: Record | None, told: str) -> Finding:
    if record is None:
        return no_answer(check, told)
    reading = record.readings.get(check.name)
    if reading is None:
        return no_answer(check, f"{record.status}: {record.message}")
    return judge(check.name, reading)
